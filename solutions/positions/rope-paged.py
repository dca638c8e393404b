"""RoPE at arbitrary position ids, for cached and paged decoding."""

import torch
from torch import Tensor


def rope_into_pages(
    q: Tensor,
    k: Tensor,
    positions: Tensor,
    slots: Tensor,
    k_cache: Tensor,
    *,
    theta: float = 10000.0,
) -> Tensor:
    """One angle per token and pair, shared by all heads; pages are indexed by page and offset."""
    D = q.shape[-1]
    if D % 2:
        raise ValueError(f"the head dimension must be even, got {D}")

    dtype = torch.promote_types(q.dtype, torch.float32)
    frequency = theta ** (-torch.arange(0, D, 2, dtype=dtype, device=q.device) / D)  # (D/2,)
    angle = (positions.to(dtype)[:, None] * frequency)[:, None]  # (N, 1, D/2)
    cos, sin = angle.cos(), angle.sin()

    def rotate(x: Tensor) -> Tensor:
        x1, x2 = x.to(dtype).chunk(2, dim=-1)
        return torch.cat([x1 * cos - x2 * sin, x1 * sin + x2 * cos], dim=-1)

    S = k_cache.shape[1]
    real = slots >= 0
    page, offset = slots[real] // S, slots[real] % S
    # not through view(-1, G, D): a cache that is not contiguous has no such view
    k_cache[page, offset] = rotate(k)[real].to(k_cache.dtype)
    return rotate(q).to(q.dtype)
