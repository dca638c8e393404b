"""Stable softmax and log-softmax."""

import torch
from torch import Tensor


def softmax(x: Tensor, dim: int = -1) -> Tensor:
    """Subtract the maximum first: it cancels, and no exponent is above 0."""
    e = _shifted(x, dim).exp()
    return (e / e.sum(dim=dim, keepdim=True)).to(x.dtype)


def log_softmax(x: Tensor, dim: int = -1) -> Tensor:
    """Take the logarithm of the sum alone, never of a quotient."""
    shifted = _shifted(x, dim)
    log_sum = shifted.exp().sum(dim=dim, keepdim=True).log()
    return (shifted - log_sum).to(x.dtype)


def _shifted(x: Tensor, dim: int) -> Tensor:
    """x less the maximum of its slice, in float32 or float64."""
    x = x.to(torch.promote_types(x.dtype, torch.float32))
    return x - x.amax(dim=dim, keepdim=True)
