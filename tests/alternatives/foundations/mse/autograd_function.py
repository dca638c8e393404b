"""torch.autograd.Function, whose backward is the hand-written gradient."""

import torch


def widest(pred, target):
    both = torch.float64 if torch.float64 in (pred.dtype, target.dtype) else torch.float32
    return pred.to(both), target.to(both)


def look(pred, target, reduction):
    if tuple(pred.shape) != tuple(target.shape):
        raise ValueError("shapes differ")
    if reduction not in {"none", "sum", "mean"}:
        raise ValueError(reduction)


class Squares(torch.autograd.Function):
    @staticmethod
    def forward(ctx, pred, target):
        ctx.save_for_backward(pred, target)
        p, t = widest(pred, target)
        return torch.pow(p - t, 2)

    @staticmethod
    def backward(ctx, grad):
        pred, target = ctx.saved_tensors
        p, t = widest(pred, target)
        d = 2 * (p - t) * grad
        return d.to(pred.dtype), -d.to(target.dtype)


def mse_loss(pred, target, *, reduction="mean"):
    look(pred, target, reduction)
    losses = Squares.apply(pred, target)
    if reduction == "none":
        return losses
    if reduction == "mean" and losses.numel():
        return losses.mean()
    return losses.sum()


def mse_gradient(pred, target, *, reduction="mean"):
    look(pred, target, reduction)
    p, t = widest(pred, target)
    d = p - t
    scale = 2 / d.numel() if reduction == "mean" and d.numel() else 2
    return (scale * d).to(pred.dtype)
