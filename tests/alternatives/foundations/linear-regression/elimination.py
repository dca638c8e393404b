"""Gaussian elimination with pivots in Python floats, after centring; descent row by row."""

import torch


def prepare(X, y):
    if X.dim() != 2 or y.dim() != 1:
        raise ValueError("wrong axes")
    if X.size(0) != y.size(0):
        raise ValueError("wrong number of rows")
    return X.double().tolist(), y.double().tolist(), X.size(1)


def pack(X, w, b):
    dtype = torch.promote_types(X.dtype, torch.float32)
    w = torch.tensor(w, dtype=torch.float64, device=X.device).to(dtype)
    return w, torch.tensor(b, dtype=torch.float64, device=X.device).to(dtype)


def fit_normal(X, y, *, l2=0.0):
    rows, targets, D = prepare(X, y)
    N = len(rows)
    mean = [sum(row[d] for row in rows) / N for d in range(D)]
    level = sum(targets) / N
    centred = [[row[d] - mean[d] for d in range(D)] for row in rows]
    system = [
        [sum(row[i] * row[j] for row in centred) + (N * l2 if i == j else 0.0) for j in range(D)]
        + [sum(row[i] * (t - level) for row, t in zip(centred, targets, strict=True))]
        for i in range(D)
    ]
    for i in range(D):
        pivot = max(range(i, D), key=lambda r: abs(system[r][i]))
        system[i], system[pivot] = system[pivot], system[i]
        for r in range(D):
            if r != i:
                factor = system[r][i] / system[i][i]
                system[r] = [a - factor * p for a, p in zip(system[r], system[i], strict=True)]
    w = [system[i][D] / system[i][i] for i in range(D)]
    return pack(X, w, level - sum(m * a for m, a in zip(mean, w, strict=True)))


def fit_descent(X, y, *, lr, steps, l2=0.0):
    rows, targets, D = prepare(X, y)
    N = len(rows)
    w, b = [0.0] * D, 0.0
    for _ in range(steps):
        errors = [
            sum(a * c for a, c in zip(row, w, strict=True)) + b - t
            for row, t in zip(rows, targets, strict=True)
        ]
        slopes = [
            2 * sum(e * row[d] for e, row in zip(errors, rows, strict=True)) / N + 2 * l2 * w[d]
            for d in range(D)
        ]
        w = [a - lr * s for a, s in zip(w, slopes, strict=True)]
        b -= lr * 2 * sum(errors) / N
    return pack(X, w, b)
