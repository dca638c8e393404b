"""NTK-aware RoPE scaling."""

import torch
from torch import Tensor


def ntk_rope(
    x: Tensor, positions: Tensor, *, train_length: int, length: int, theta: float = 10000.0
) -> Tensor:
    """Raise the base so that the last frequency falls by s; the rest is RoPE."""
    D = x.shape[-1]
    if D % 2 or D < 4:
        raise ValueError(f"the head dimension must be even and at least 4, got {D}")

    dtype = torch.promote_types(x.dtype, torch.float32)
    s = max(1.0, length / train_length)
    base = theta * s ** (D / (D - 2))
    frequency = base ** (-torch.arange(0, D, 2, dtype=dtype, device=x.device) / D)  # (D/2,)
    angle = positions.to(dtype)[:, None] * frequency  # (T, D/2)
    cos, sin = angle.cos(), angle.sin()

    x1, x2 = x.to(dtype).chunk(2, dim=-1)  # (B, H, T, D/2)
    return torch.cat([x1 * cos - x2 * sin, x1 * sin + x2 * cos], dim=-1).to(x.dtype)
