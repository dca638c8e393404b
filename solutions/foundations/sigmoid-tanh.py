"""Sigmoid and tanh that never overflow."""

import torch
from torch import Tensor


def sigmoid(x: Tensor) -> Tensor:
    """Two equal forms, each for the sign at which its exponent is not positive."""
    y = x.to(torch.promote_types(x.dtype, torch.float32))
    negative = y < 0
    # each form is shown only what is safe for it: where() would pass its NaN back otherwise
    up = torch.exp(y.masked_fill(~negative, 0.0))
    down = torch.exp(-y.masked_fill(negative, 0.0))
    return torch.where(negative, up / (1 + up), 1 / (1 + down)).to(x.dtype)


def tanh(x: Tensor) -> Tensor:
    """tanh(x) = (exp(2x) - 1) / (exp(2x) + 1), and expm1 keeps the digits near 0."""
    w = x.to(torch.promote_types(x.dtype, torch.float32))
    negative = w < 0
    m = torch.expm1(2 * w.masked_fill(~negative, 0.0))
    n = torch.expm1(-2 * w.masked_fill(negative, 0.0))
    return torch.where(negative, m / (m + 2), -n / (n + 2)).to(x.dtype)
