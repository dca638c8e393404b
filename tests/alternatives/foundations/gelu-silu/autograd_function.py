"""Derivatives by hand, in float64 whatever comes in."""

import math

import torch


class Gated(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gate, slope):
        ctx.save_for_backward(x)
        ctx.gate, ctx.slope = gate, slope
        return x * gate(x)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * (ctx.gate(x) + x * ctx.slope(x)), None, None


def _inner(x):
    return math.sqrt(2 / math.pi) * (x + 0.044715 * x.pow(3))


def gelu(x, *, approximate="none"):
    match approximate:
        case "none":
            gate = torch.special.ndtr

            def slope(x):
                return torch.exp(-x * x / 2) / math.sqrt(2 * math.pi)

        case "tanh":

            def gate(x):
                return (1 + torch.tanh(_inner(x))) / 2

            def slope(x):
                inner_slope = math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x.pow(2))
                return (1 - torch.tanh(_inner(x)).pow(2)) / 2 * inner_slope

        case _:
            raise ValueError(f"unknown: {approximate}")
    return Gated.apply(x.double(), gate, slope).to(x.dtype)


def silu(x, *, beta=1.0):
    def gate(x):
        return torch.sigmoid(beta * x)

    def slope(x):
        return beta * gate(x) * (1 - gate(x))

    return Gated.apply(x.double(), gate, slope).to(x.dtype)
