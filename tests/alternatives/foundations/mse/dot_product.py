"""The sum of squares as the product of a vector with itself."""

import torch


def parts(pred, target, reduction):
    if pred.dim() != target.dim() or pred.shape != target.shape:
        raise ValueError(f"{pred.shape} against {target.shape}")
    if reduction == "none":
        n = 0
    elif reduction == "sum":
        n = 1
    elif reduction == "mean":
        n = pred.numel() or 1
    else:
        raise ValueError(f"what is {reduction}?")
    error = torch.sub(pred.to(torch.promote_types(pred.dtype, torch.float32)), target)
    return error, n


def mse_loss(pred, target, *, reduction="mean"):
    error, n = parts(pred, target, reduction)
    if n == 0:
        return error * error
    flat = error.flatten()
    return torch.dot(flat, flat) / n


def mse_gradient(pred, target, *, reduction="mean"):
    error, n = parts(pred, target, reduction)
    return ((error + error) / (n or 1)).to(pred.dtype)
