"""Python floats, row by row and class by class."""

import math

import torch


def rows_of(X, y, K):
    if X.dim() != 2 or y.dim() != 1 or X.size(0) != y.size(0):
        raise ValueError("shapes")
    labels = y.tolist()
    if any(label < 0 or label >= K for label in labels):
        raise ValueError("no such class")
    return X.double().tolist(), labels


def scores_of(row, W, b):
    return [b[k] + sum(a * W[d][k] for d, a in enumerate(row)) for k in range(len(b))]


def work(rows, labels, W, b, l2):
    N, K = len(rows), len(b)
    loss = l2 * sum(a * a for line in W for a in line)
    by_W = [[2 * l2 * a for a in line] for line in W]
    by_b = [0.0] * K
    for row, label in zip(rows, labels, strict=True):
        z = scores_of(row, W, b)
        top = max(z)
        log_total = top + math.log(sum(math.exp(s - top) for s in z))
        loss += (log_total - z[label]) / N
        for k in range(K):
            error = (math.exp(z[k] - log_total) - (k == label)) / N
            by_b[k] += error
            for d, a in enumerate(row):
                by_W[d][k] += error * a
    return loss, by_W, by_b


def pack(X, *parts):
    dtype = torch.float64 if X.dtype == torch.float64 else torch.float32
    made = (torch.tensor(part, dtype=torch.float64, device=X.device) for part in parts)
    return tuple(part.to(dtype) for part in made)


def softmax_loss(X, y, W, b, *, l2=0.0):
    rows, labels = rows_of(X, y, b.size(0))
    return pack(X, *work(rows, labels, W.double().tolist(), b.double().tolist(), l2))


def fit_softmax(X, y, n_classes, *, lr, steps, l2=0.0):
    rows, labels = rows_of(X, y, n_classes)
    W, b = [[0.0] * n_classes for _ in range(X.size(1))], [0.0] * n_classes
    for _ in range(steps):
        _, by_W, by_b = work(rows, labels, W, b, l2)
        W = [[a - lr * g for a, g in zip(*pair, strict=True)] for pair in zip(W, by_W, strict=True)]
        b = [a - lr * g for a, g in zip(b, by_b, strict=True)]
    return pack(X, W, b)


def predict(X, W, b):
    W, b = W.double().tolist(), b.double().tolist()
    classes = []
    for row in X.double().tolist():
        z = scores_of(row, W, b)
        classes.append(z.index(max(z)))
    return torch.tensor(classes, dtype=torch.int64, device=X.device)
