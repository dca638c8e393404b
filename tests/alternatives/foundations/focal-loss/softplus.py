"""Softplus of the margin for both factors; weights as a table of two."""

import torch
from torch.nn import functional as F


def focal_loss(logits, targets, *, alpha=0.25, gamma=2.0, reduction="mean"):
    if logits.shape != targets.shape:
        raise ValueError("shape mismatch")
    if reduction not in {"none", "mean", "sum"}:
        raise ValueError(f"bad reduction {reduction}")
    if ((targets != 0) & (targets != 1)).any():
        raise ValueError("hard targets only")
    dtype = torch.float64 if logits.dtype == torch.float64 else torch.float32
    x, y = logits.to(dtype), targets.to(dtype)
    s = 1 - 2 * y
    loss = torch.exp(-gamma * F.softplus(-s * x)) * F.softplus(s * x)
    if alpha is not None:
        loss = loss * torch.tensor([1 - alpha, alpha], dtype=dtype, device=x.device)[targets.long()]
    if reduction == "none":
        return loss
    total = loss.sum()
    if reduction == "sum" or not loss.numel():
        return total
    return total / loss.numel()
