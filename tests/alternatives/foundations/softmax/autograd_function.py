"""Backward passes by hand, in float64 whatever comes in; results are transposed views."""

import torch


class _Softmax(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        weights = torch.exp(x - x.max(dim=0).values)
        p = weights / weights.sum(dim=0)
        ctx.save_for_backward(p)
        return p

    @staticmethod
    def backward(ctx, g):
        (p,) = ctx.saved_tensors
        return p * (g - (g * p).sum(dim=0))


class _LogSoftmax(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        y = x - x.max(dim=0).values
        log_p = y - torch.exp(y).sum(dim=0).log()
        ctx.save_for_backward(log_p)
        return log_p

    @staticmethod
    def backward(ctx, g):
        (log_p,) = ctx.saved_tensors
        return g - torch.exp(log_p) * g.sum(dim=0)


def softmax(x, dim=-1):
    return _Softmax.apply(x.double().transpose(0, dim)).transpose(0, dim).to(x.dtype)


def log_softmax(x, dim=-1):
    return _LogSoftmax.apply(x.double().transpose(0, dim)).transpose(0, dim).to(x.dtype)
