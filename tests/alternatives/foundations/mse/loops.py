"""Number by number."""

import torch


def rows(pred, target, reduction):
    if pred.shape != target.shape:
        raise ValueError("pred and target must have one shape")
    if not (reduction == "none" or reduction == "sum" or reduction == "mean"):
        raise ValueError("unknown reduction")
    dtype = torch.float32
    if pred.dtype == torch.float64 or target.dtype == torch.float64:
        dtype = torch.float64
    return pred.to(dtype).reshape(-1), target.to(dtype).reshape(-1)


def mse_loss(pred, target, *, reduction="mean"):
    p, t = rows(pred, target, reduction)
    losses = [(a - b) ** 2 for a, b in zip(p, t, strict=True)]
    if reduction == "none":
        return torch.stack(losses).reshape(pred.shape) if losses else (p - t).reshape(pred.shape)
    total = (p - t).sum() * 0
    for loss in losses:
        total = total + loss
    return total / len(losses) if reduction == "mean" and losses else total


def mse_gradient(pred, target, *, reduction="mean"):
    p, t = rows(pred, target, reduction)
    n = len(p) if reduction == "mean" else 1
    out = torch.zeros_like(p)
    for i in range(len(p)):
        out[i] = 2 * (p[i] - t[i]) / n
    return out.reshape(pred.shape).to(pred.dtype)
