"""Logistic regression."""

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid


def logistic_loss(
    X: Tensor, y: Tensor, w: Tensor, b: Tensor, *, l2: float = 0.0
) -> tuple[Tensor, Tensor, Tensor]:
    """By a score, the derivative of the loss is p - y; the chain rule does the rest."""
    A, t = _data(X, y)
    w, b = w.double(), b.double()
    score = A @ w + b
    # log(1 - p) = logsigmoid(-score)
    losses = -t * logsigmoid(score) - (1 - t) * logsigmoid(-score)
    error = score.sigmoid() - t
    by_w = A.T @ error / len(A) + 2 * l2 * w
    dtype = torch.promote_types(X.dtype, torch.float32)
    loss = losses.mean() + l2 * w.square().sum()
    return loss.to(dtype), by_w.to(dtype), error.mean().to(dtype)


def fit_logistic(
    X: Tensor, y: Tensor, *, lr: float, steps: int, l2: float = 0.0
) -> tuple[Tensor, Tensor]:
    A, _ = _data(X, y)
    w, b = A.new_zeros(A.shape[1]), A.new_zeros(())
    for _ in range(steps):
        _, by_w, by_b = logistic_loss(A, y, w, b, l2=l2)
        w, b = w - lr * by_w, b - lr * by_b
    dtype = torch.promote_types(X.dtype, torch.float32)
    return w.to(dtype), b.to(dtype)


def predict_proba(X: Tensor, w: Tensor, b: Tensor) -> Tensor:
    p = (X.double() @ w.double() + b.double()).sigmoid()
    return p.to(torch.promote_types(X.dtype, torch.float32))


def _data(X: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    if X.dim() != 2 or y.dim() != 1 or len(X) != len(y):
        raise ValueError(f"X {tuple(X.shape)} and y {tuple(y.shape)} are not (N, D) and (N,)")
    if ((y != 0) & (y != 1)).any():
        raise ValueError("classes must be 0 or 1")
    return X.double(), y.double()
