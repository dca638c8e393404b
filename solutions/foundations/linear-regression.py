"""Linear regression: normal equations and gradient descent."""

import torch
from torch import Tensor


def fit_normal(X: Tensor, y: Tensor, *, l2: float = 0.0) -> tuple[Tensor, Tensor]:
    """Centred data need no intercept: it follows from the means."""
    A, t = _data(X, y)
    centre, level = A.mean(dim=0), t.mean()
    C = A - centre
    penalty = len(A) * l2 * torch.eye(A.shape[1], dtype=A.dtype, device=A.device)
    w = torch.linalg.solve(C.T @ C + penalty, C.T @ (t - level))
    return _result(X, w, level - centre @ w)


def fit_descent(
    X: Tensor, y: Tensor, *, lr: float, steps: int, l2: float = 0.0
) -> tuple[Tensor, Tensor]:
    """The error of each row gives both gradients."""
    A, t = _data(X, y)
    w, b = A.new_zeros(A.shape[1]), A.new_zeros(())
    for _ in range(steps):
        error = A @ w + b - t
        w = w - lr * (2 * A.T @ error / len(A) + 2 * l2 * w)
        b = b - lr * 2 * error.mean()
    return _result(X, w, b)


def _data(X: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    if X.dim() != 2 or y.dim() != 1 or len(X) != len(y):
        raise ValueError(f"X {tuple(X.shape)} and y {tuple(y.shape)} are not (N, D) and (N,)")
    return X.double(), y.double()


def _result(X: Tensor, w: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    dtype = torch.promote_types(X.dtype, torch.float32)
    return w.to(dtype), b.to(dtype)
