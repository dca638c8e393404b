"""Sinusoidal positions."""

import torch
from torch import Tensor


def sinusoidal_positions(
    positions: Tensor, d_model: int, *, base: float = 10000.0, dtype: torch.dtype = torch.float32
) -> Tensor:
    """One angle for each pair of channels; stacked last, sine and cosine interleave."""
    if d_model % 2:
        raise ValueError(f"d_model must be even, got {d_model}")

    wide = torch.promote_types(dtype, torch.float32)
    exponent = torch.arange(0, d_model, 2, dtype=wide, device=positions.device) / d_model
    angle = positions.to(wide)[..., None] * base**-exponent  # (..., d_model/2)
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(-2).to(dtype)
