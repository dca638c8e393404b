"""The complementary error function and the other sigmoid: 1 + erf(z) = erfc(-z)."""

import torch

ROOT_HALF = 0.5**0.5
ROOT_TWO_OVER_PI = 0.7978845608028654


def _wide(x):
    return x if x.dtype is torch.float64 else x.float()


def gelu(x, *, approximate="none"):
    y = _wide(x)
    if approximate == "none":
        return (y * torch.special.erfc(-y * ROOT_HALF) / 2).type_as(x)
    if approximate == "tanh":
        # (1 + tanh z) / 2 = sigmoid(2 z)
        z = ROOT_TWO_OVER_PI * y * (1 + 0.044715 * y * y)
        return (y * torch.sigmoid(2 * z)).type_as(x)
    raise ValueError(approximate)


def silu(x, *, beta=1.0):
    y = _wide(x)
    return (y - y * torch.sigmoid(-beta * y)).type_as(x)
