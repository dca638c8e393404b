"""Softmax regression."""

import torch
from torch import Tensor


def softmax_loss(
    X: Tensor, y: Tensor, W: Tensor, b: Tensor, *, l2: float = 0.0
) -> tuple[Tensor, Tensor, Tensor]:
    """By the scores, the derivative of the loss is P less one-hot; the chain rule does the rest."""
    A = _data(X, y, b.shape[0])
    W = W.double()
    log_p = (A @ W + b.double()).log_softmax(dim=-1)  # (N, K)
    one_hot = torch.eye(b.shape[0], dtype=A.dtype, device=A.device)[y]
    error = (log_p.exp() - one_hot) / len(A)
    dtype = torch.promote_types(X.dtype, torch.float32)
    loss = -(one_hot * log_p).sum() / len(A) + l2 * W.square().sum()
    return loss.to(dtype), (A.T @ error + 2 * l2 * W).to(dtype), error.sum(dim=0).to(dtype)


def fit_softmax(
    X: Tensor, y: Tensor, n_classes: int, *, lr: float, steps: int, l2: float = 0.0
) -> tuple[Tensor, Tensor]:
    A = _data(X, y, n_classes)
    W, b = A.new_zeros(A.shape[1], n_classes), A.new_zeros(n_classes)
    for _ in range(steps):
        _, by_W, by_b = softmax_loss(A, y, W, b, l2=l2)
        W, b = W - lr * by_W, b - lr * by_b
    dtype = torch.promote_types(X.dtype, torch.float32)
    return W.to(dtype), b.to(dtype)


def predict(X: Tensor, W: Tensor, b: Tensor) -> Tensor:
    """The softmax keeps the order of scores; argmax takes the first of equal ones."""
    return (X.double() @ W.double() + b.double()).argmax(dim=-1)


def _data(X: Tensor, y: Tensor, K: int) -> Tensor:
    if X.dim() != 2 or y.dim() != 1 or len(X) != len(y):
        raise ValueError(f"X {tuple(X.shape)} and y {tuple(y.shape)} are not (N, D) and (N,)")
    if ((y < 0) | (y >= K)).any():
        raise ValueError(f"classes must be from 0 to {K - 1}")
    return X.double()
