"""StreamingLLM: attention sinks and a rolling cache."""

import math

import torch
from torch import Tensor


def streaming_step(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    cache: tuple[Tensor, Tensor] | None = None,
    *,
    n_sink: int,
    window: int,
    theta: float = 10000.0,
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """Append, evict, and give every slot its position afresh."""
    if n_sink < 0 or window < 1:
        raise ValueError(f"n_sink ({n_sink}) must be at least 0, window ({window}) at least 1")
    keys, values = k[:, :, None], v[:, :, None]
    if cache is not None:
        keys, values = torch.cat([cache[0], keys], dim=2), torch.cat([cache[1], values], dim=2)
    if keys.shape[2] > n_sink + window:
        keys, values = (
            torch.cat([x[:, :, :n_sink], x[:, :, -window:]], dim=2) for x in (keys, values)
        )

    dtype = torch.promote_types(q.dtype, torch.float32)
    slots = torch.arange(keys.shape[2], device=q.device)
    turned = rope(keys.to(dtype), slots, theta)
    query = rope(q[:, :, None].to(dtype), slots[-1:], theta)
    scores = query @ turned.mT / math.sqrt(q.shape[-1])  # (B, H, 1, n)
    out = scores.softmax(dim=-1) @ values.to(dtype)
    return out.squeeze(2).to(q.dtype), (keys, values)


def rope(x: Tensor, positions: Tensor, theta: float) -> Tensor:
    """Turn channels i and i + D/2 of (B, H, T, D)."""
    D = x.shape[-1]
    exponent = torch.arange(0, D, 2, dtype=x.dtype, device=x.device) / D
    angle = positions[:, None] * theta**-exponent  # (T, D/2)
    first, second = x.chunk(2, dim=-1)
    return torch.cat(
        [first * angle.cos() - second * angle.sin(), first * angle.sin() + second * angle.cos()],
        dim=-1,
    )
