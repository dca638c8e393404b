"""Mean squared error and its gradient."""

import torch
from torch import Tensor


def mse_loss(pred: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """Square the difference; the mean divides by a count of at least 1."""
    losses = _difference(pred, target, reduction).square()
    if reduction == "none":
        return losses
    return losses.sum() / (max(losses.numel(), 1) if reduction == "mean" else 1)


def mse_gradient(pred: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """Twice the difference, divided by what the loss divides by; none, where it is empty."""
    difference = _difference(pred, target, reduction)
    count = pred.numel() if reduction == "mean" else 1
    return (2 * difference / count).to(pred.dtype)


def _difference(pred: Tensor, target: Tensor, reduction: str) -> Tensor:
    if pred.shape != target.shape:
        raise ValueError(f"shapes {tuple(pred.shape)} and {tuple(target.shape)} differ")
    if reduction not in ("none", "sum", "mean"):
        raise ValueError(f"reduction must be none, sum or mean, got {reduction!r}")
    dtype = torch.promote_types(torch.promote_types(pred.dtype, target.dtype), torch.float32)
    return pred.to(dtype) - target.to(dtype)
