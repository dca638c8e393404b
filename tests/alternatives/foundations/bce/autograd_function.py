"""A softplus with its own backward pass, in float64 whatever comes in."""

import torch


class Softplus(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.clamp(min=0) + torch.log1p(torch.exp(-x.abs()))

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * torch.sigmoid(x)


def bce_with_logits(logits, targets, *, weight=None, pos_weight=None, reduction="mean"):
    if tuple(logits.shape) != tuple(targets.shape) or reduction not in {"mean", "sum", "none"}:
        raise ValueError("bad arguments")
    x, y = logits.double(), targets.double()
    c = 1.0 if pos_weight is None else pos_weight.double()
    losses = c * y * Softplus.apply(-x) + (1 - y) * Softplus.apply(x)
    if weight is not None:
        losses = weight.double() * losses
    if reduction == "sum" or (not losses.numel() and reduction == "mean"):
        losses = losses.sum()
    elif reduction == "mean":
        losses = losses.mean()
    return losses.to(torch.float64 if logits.dtype == torch.float64 else torch.float32)
