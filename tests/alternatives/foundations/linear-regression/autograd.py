"""Cholesky for the equations; autograd for the descent."""

import torch


def check(X, y):
    if X.ndim != 2 or y.ndim != 1 or X.shape[0] != y.shape[0]:
        raise ValueError("need X (N, D) and y (N,)")
    kind = torch.float64 if X.dtype == torch.float64 else torch.float32
    return X.to(torch.float64), y.to(torch.float64), kind


def fit_normal(X, y, *, l2=0.0):
    X, y, kind = check(X, y)
    N = len(X)
    mean = X.mean(0, keepdim=True)
    Z = X - mean
    gram = Z.mT @ Z
    gram.diagonal().add_(N * l2)
    L = torch.linalg.cholesky(gram)
    w = torch.cholesky_solve((Z.mT @ (y - y.mean())).unsqueeze(1), L).squeeze(1)
    b = (y - X @ w).mean()
    return w.to(kind), b.to(kind)


def fit_descent(X, y, *, lr, steps, l2=0.0):
    X, y, kind = check(X, y)
    v = X.new_zeros(X.shape[1] + 1)
    for _ in range(steps):
        leaf = v.clone().requires_grad_()
        loss = ((X @ leaf[:-1] + leaf[-1] - y) ** 2).mean() + l2 * leaf[:-1].pow(2).sum()
        loss.backward()
        v = v - lr * leaf.grad
    return v[:-1].to(kind), v[-1].to(kind)
