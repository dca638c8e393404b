"""The derivative by hand, in float64."""

import torch


class Focal(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, y, gamma):
        m = torch.where(y, x, -x).double()
        log_p = -torch.logaddexp(torch.zeros_like(m), -m)
        log_q = -torch.logaddexp(torch.zeros_like(m), m)
        factor = torch.exp(gamma * log_q)
        # by m: factor * (q - gamma * p * log p) * -1
        p, q = log_p.exp(), log_q.exp()
        slope = -factor * (q - gamma * p * log_p)
        ctx.save_for_backward(torch.where(y, slope, -slope))
        return (-factor * log_p).to(x.dtype)

    @staticmethod
    def backward(ctx, grad):
        (slope,) = ctx.saved_tensors
        return (grad * slope).to(grad.dtype), None, None


def focal_loss(logits, targets, *, alpha=0.25, gamma=2.0, reduction="mean"):
    if tuple(targets.shape) != tuple(logits.shape):
        raise ValueError(f"{targets.shape} is not {logits.shape}")
    on, off = targets == 1, targets == 0
    if (~on & ~off).any():
        raise ValueError("targets must be binary")
    losses = Focal.apply(logits.to(torch.promote_types(logits.dtype, torch.float32)), on, gamma)
    if alpha is not None:
        losses = losses * (alpha * on.to(losses) + (1 - alpha) * off.to(losses))
    match reduction:
        case "none":
            return losses
        case "sum":
            return losses.sum()
        case "mean":
            return losses.mean() if losses.numel() else losses.sum()
    raise ValueError(reduction)
