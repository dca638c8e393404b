"""Linear position interpolation."""

import torch
from torch import Tensor


def interpolated_rope(
    x: Tensor, positions: Tensor, *, train_length: int, length: int, theta: float = 10000.0
) -> Tensor:
    """Scale positions before the angles are formed; the rest is RoPE."""
    D = x.shape[-1]
    if D % 2:
        raise ValueError(f"the head dimension must be even, got {D}")

    dtype = torch.promote_types(x.dtype, torch.float32)
    squeezed = positions.to(dtype) * min(1.0, train_length / length)
    frequency = theta ** (-torch.arange(0, D, 2, dtype=dtype, device=x.device) / D)  # (D/2,)
    angle = squeezed[:, None] * frequency  # (T, D/2)
    cos, sin = angle.cos(), angle.sin()

    x1, x2 = x.to(dtype).chunk(2, dim=-1)  # (B, H, T, D/2)
    return torch.cat([x1 * cos - x2 * sin, x1 * sin + x2 * cos], dim=-1).to(x.dtype)
