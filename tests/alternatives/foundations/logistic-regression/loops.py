"""Python floats, row by row."""

import math

import torch


def sigmoid(z):
    if z >= 0:
        return 1 / (1 + math.exp(-z))
    return math.exp(z) / (1 + math.exp(z))


def cost(z, label):
    margin = z if label else -z
    return max(-margin, 0.0) + math.log1p(math.exp(-abs(margin)))


def rows_of(X, y):
    if X.dim() != 2 or y.dim() != 1 or X.size(0) != y.size(0):
        raise ValueError("shapes")
    labels = y.tolist()
    for label in labels:
        if label != 0 and label != 1:
            raise ValueError(f"class {label}")
    return X.double().tolist(), labels


def work(rows, labels, w, b, l2):
    N = len(rows)
    loss, by_w, by_b = l2 * sum(a * a for a in w), [2 * l2 * a for a in w], 0.0
    for row, label in zip(rows, labels, strict=True):
        z = b + sum(a * c for a, c in zip(row, w, strict=True))
        loss += cost(z, label) / N
        error = (sigmoid(z) - label) / N
        by_b += error
        for d, a in enumerate(row):
            by_w[d] += error * a
    return loss, by_w, by_b


def pack(X, *parts):
    dtype = torch.float64 if X.dtype == torch.float64 else torch.float32
    made = (torch.tensor(part, dtype=torch.float64, device=X.device) for part in parts)
    return tuple(part.to(dtype) for part in made)


def logistic_loss(X, y, w, b, *, l2=0.0):
    rows, labels = rows_of(X, y)
    return pack(X, *work(rows, labels, w.double().tolist(), b.item(), l2))


def fit_logistic(X, y, *, lr, steps, l2=0.0):
    rows, labels = rows_of(X, y)
    w, b = [0.0] * X.size(1), 0.0
    for _ in range(steps):
        _, by_w, by_b = work(rows, labels, w, b, l2)
        w = [a - lr * g for a, g in zip(w, by_w, strict=True)]
        b -= lr * by_b
    return pack(X, w, b)


def predict_proba(X, w, b):
    w, b = w.double().tolist(), b.item()
    scores = [b + sum(a * c for a, c in zip(row, w, strict=True)) for row in X.double().tolist()]
    return pack(X, [sigmoid(z) for z in scores])[0]
