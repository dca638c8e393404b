"""Inverted dropout, train and eval."""

import torch
from torch import Tensor


def dropout(
    x: Tensor,
    p: float = 0.5,
    *,
    training: bool = True,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Multiply by a mask of 0 and 1 / (1 - p)."""
    if not 0 <= p <= 1:
        raise ValueError(f"p must be from 0 to 1, got {p}")
    if not training:
        return x
    # in float32 whatever x is: a bfloat16 random number has but 8 bits
    keep = torch.rand(x.shape, device=x.device, generator=generator) >= p
    scale = 1 / (1 - p) if p < 1 else 0.0
    # a product of x and a Python float is computed in float32 and rounded once
    return x * keep * scale
