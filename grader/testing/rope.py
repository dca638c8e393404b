"""Rotary positions by another road than a learner's: each pair as one complex number."""

import torch
from torch import Tensor


def complex_rope(
    x: Tensor,
    positions: Tensor,
    theta: float = 10000.0,
    *,
    frequencies: Tensor | None = None,
    length: float = 1.0,
    neighbours: bool = False,
) -> Tensor:
    """RoFormer (arXiv:2104.09864): each pair of channels times length * exp(i * angle).

    Args:
        x: (..., D), float64: what is rotated, D even.
        positions: Broadcasts with x.shape[:-1]: (T,) for x of (B, H, T, D), and
            (T, 1) for x of (B, T, H, D). May be fractions.
        theta: Pair i turns theta ** (-2 * i / D) radians at each position.
        frequencies: (D / 2,) float64, radians at each position, in place of theta's.
        length: Of the complex number; other than 1 where attention is scaled.
        neighbours: Pair i is channels 2i and 2i + 1; else i and i + D / 2.
    """
    half = x.shape[-1] // 2
    if frequencies is None:
        frequencies = theta ** -(torch.arange(half, dtype=torch.float64) / half)
    angle = positions.double()[..., None] * frequencies
    turn = torch.polar(torch.full_like(angle, length), angle)
    if neighbours:
        pairs = torch.complex(x[..., 0::2], x[..., 1::2]) * turn
        return torch.stack([pairs.real, pairs.imag], dim=-1).flatten(-2)
    pairs = torch.complex(x[..., :half], x[..., half:]) * turn
    return torch.cat([pairs.real, pairs.imag], dim=-1)
