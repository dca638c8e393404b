"""The backward pass by hand: the mask is kept as booleans, the scale as a float."""

import torch


class Dropout(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, dropped, factor):
        ctx.save_for_backward(dropped)
        ctx.factor = factor
        return (x * factor).masked_fill(dropped, 0.0)

    @staticmethod
    def backward(ctx, g):
        (dropped,) = ctx.saved_tensors
        return (g * ctx.factor).masked_fill(dropped, 0.0), None, None


def dropout(x, p=0.5, *, training=True, generator=None):
    if not (p >= 0 and p <= 1):
        raise ValueError(f"no probability: {p}")
    if not training or p == 0:
        return x
    if p == 1:
        return Dropout.apply(x, torch.ones_like(x, dtype=torch.bool), 1.0)
    u = torch.empty(x.shape, dtype=torch.float64, device=x.device).uniform_(generator=generator)
    return Dropout.apply(x, u < p, 1 / (1 - p))
