"""The inverse of the covariance; descent as one affine map, applied again and again."""

import torch


def as_double(X, y):
    if not (X.dim() == 2 and y.shape == X.shape[:1]):
        raise ValueError(f"shapes {X.shape}, {y.shape}")
    return X.double(), y.double(), torch.promote_types(X.dtype, torch.float32)


def moments(X, y):
    mean, level = X.mean(dim=0), y.mean()
    Z, t = X - mean, y - level
    return (
        mean,
        level,
        torch.einsum("nd,ne->de", Z, Z) / len(Z),
        torch.einsum("nd,n->d", Z, t) / len(Z),
    )


def fit_normal(X, y, *, l2=0.0):
    X, y, out = as_double(X, y)
    mean, level, covariance, cross = moments(X, y)
    w = torch.linalg.inv(covariance + l2 * torch.eye(len(cross), device=X.device).double()) @ cross
    return w.to(out), (level - (mean * w).sum()).to(out)


def fit_descent(X, y, *, lr, steps, l2=0.0):
    X, y, out = as_double(X, y)
    D = X.shape[1]
    A = torch.cat([X, torch.ones_like(X[:, :1])], dim=1)
    penalty = torch.ones(D + 1, dtype=torch.float64, device=X.device) * l2
    penalty[D] = 0
    hessian = 2 * (A.T @ A / len(A) + torch.diag(penalty))
    pull = 2 * A.T @ y / len(A)
    v = torch.zeros_like(pull)
    for _ in range(steps):
        v = v - lr * (hessian @ v - pull)
    return v[:D].to(out), v[D].to(out)
