"""sigmoid(z) is (1 + tanh(z/2)) / 2; the penalty is put on from outside."""

import torch


def prepare(X, y):
    if X.ndim != 2 or y.ndim != 1 or X.shape[0] != y.shape[0]:
        raise ValueError("need X (N, D) and y (N,)")
    if not bool(((y == 0) | (y == 1)).all()):
        raise ValueError("binary classes only")
    return X.double(), y.double()


def sigmoid(z):
    return 0.5 + 0.5 * torch.tanh(0.5 * z)


def data_term(X, y, z):
    """The mean of max(z, 0) - y z + log(1 + exp(-|z|)), and its derivative by each score."""
    loss = z.clamp(min=0) - y * z + torch.log1p(torch.exp(-z.abs()))
    return loss.mean(), (sigmoid(z) - y) / y.shape[0]


def narrow(X, *parts):
    return tuple(p if X.dtype == torch.float64 else p.float() for p in parts)


def logistic_loss(X, y, w, b, *, l2=0.0):
    A, t = prepare(X, y)
    w = w.to(A)
    loss, by_z = data_term(A, t, torch.mv(A, w) + b.to(A))
    by_w = (by_z[:, None] * A).sum(0).add(w, alpha=2 * l2)
    return narrow(X, loss + l2 * w.dot(w), by_w, by_z.sum())


def fit_logistic(X, y, *, lr, steps, l2=0.0):
    A, t = prepare(X, y)
    w, b = torch.zeros_like(A[0]), torch.zeros_like(A[0, 0]) if A.shape[1] else A.new_zeros(())
    for _ in range(steps):
        _, by_z = data_term(A, t, torch.mv(A, w) + b)
        # weight decay, then the step of the data
        w = w * (1 - 2 * lr * l2) - lr * torch.mv(A.T, by_z)
        b = b - lr * by_z.sum()
    return narrow(X, w, b)


def predict_proba(X, w, b):
    return narrow(X, sigmoid(torch.mv(X.double(), w.double()) + b))[0]
