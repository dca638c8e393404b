"""YaRN: RoPE stretched to longer contexts."""

import math

import torch
from torch import Tensor


def yarn_frequencies(
    D: int,
    *,
    factor: float,
    original_length: int,
    theta: float = 10000.0,
    beta_fast: float = 32.0,
    beta_slow: float = 1.0,
) -> tuple[Tensor, float]:
    """Find where the ramp starts and ends, then blend the two sets of frequencies."""
    if D % 2 or factor <= 0:
        raise ValueError(f"D ({D}) must be even, factor ({factor}) greater than 0")

    def index(turns: float) -> float:
        return D * math.log(original_length / (2 * math.pi * turns)) / (2 * math.log(theta))

    low = max(math.floor(index(beta_fast)), 0)
    high = min(math.ceil(index(beta_slow)), D - 1)

    i = torch.arange(D // 2, dtype=torch.float64)
    kept = theta ** (-2 * i / D)
    ramp = ((i - low) / (high - low)).clamp(0, 1)
    frequencies = (1 - ramp) * kept + ramp * kept / factor
    return frequencies, 0.1 * math.log(factor) + 1 if factor > 1 else 1.0


def apply_yarn(
    x: Tensor,
    positions: Tensor,
    *,
    factor: float,
    original_length: int,
    theta: float = 10000.0,
    beta_fast: float = 32.0,
    beta_slow: float = 1.0,
) -> Tensor:
    """RoPE with other frequencies; m is put into the cosines and sines."""
    frequencies, m = yarn_frequencies(
        x.shape[-1],
        factor=factor,
        original_length=original_length,
        theta=theta,
        beta_fast=beta_fast,
        beta_slow=beta_slow,
    )
    dtype = torch.promote_types(x.dtype, torch.float32)
    angle = positions.to(dtype)[:, None] * frequencies.to(x.device, dtype)  # (T, D/2)
    cos, sin = m * angle.cos(), m * angle.sin()

    x1, x2 = x.to(dtype).chunk(2, dim=-1)  # (B, H, T, D/2)
    return torch.cat([x1 * cos - x2 * sin, x1 * sin + x2 * cos], dim=-1).to(x.dtype)
