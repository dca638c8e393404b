"""GELU (exact and tanh) and SiLU/Swish."""

import math

import torch
from torch import Tensor


def gelu(x: Tensor, *, approximate: str = "none") -> Tensor:
    """Both forms are x / 2 * (1 + gate); only the gate differs."""
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    if approximate == "none":
        gate = torch.erf(wide / math.sqrt(2))
    elif approximate == "tanh":
        gate = torch.tanh(math.sqrt(2 / math.pi) * (wide + 0.044715 * wide**3))
    else:
        raise ValueError(f'approximate must be "none" or "tanh", got {approximate!r}')
    return (0.5 * wide * (1 + gate)).to(x.dtype)


def silu(x: Tensor, *, beta: float = 1.0) -> Tensor:
    """sigmoid saturates instead of overflowing, forward and backward."""
    y = x.to(torch.promote_types(x.dtype, torch.float32))
    return (y * torch.sigmoid(beta * y)).to(x.dtype)
