"""Gated linear attention."""

import math

import torch
from torch import Tensor


def gla_recurrent(
    q: Tensor, k: Tensor, v: Tensor, g: Tensor, *, state: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """One token after another."""
    dtype = torch.promote_types(q.dtype, torch.float32)
    S = empty_state(k, v) if state is None else state
    outs = []
    for t in range(q.shape[2]):
        q_t, k_t, v_t, g_t = (x[:, :, t].to(dtype) for x in (q, k, v, g))
        S = g_t.exp()[..., None] * S + k_t[..., None] * v_t[..., None, :]
        outs.append((S.mT @ q_t[..., None]).squeeze(-1) / math.sqrt(q.shape[-1]))
    return torch.stack(outs, dim=2).to(q.dtype), S


def gla_chunked(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    g: Tensor,
    *,
    chunk_size: int,
    state: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Read the state from before the chunk, and the chunk's own tokens by pairs."""
    if chunk_size < 1:
        raise ValueError(f"chunk_size must be at least 1, got {chunk_size}")
    dtype = torch.promote_types(q.dtype, torch.float32)
    S = empty_state(k, v) if state is None else state
    outs = []
    for i in range(0, q.shape[2], chunk_size):
        q_c, k_c, v_c, g_c = (x[:, :, i : i + chunk_size].to(dtype) for x in (q, k, v, g))
        q_c = q_c / math.sqrt(q.shape[-1])
        b = g_c.cumsum(dim=2)  # (B, H, C, D)
        # hidden before exp: above the diagonal it would overflow
        fade = b[:, :, :, None] - b[:, :, None]  # (B, H, C, C, D)
        later = torch.ones(fade.shape[2:4], dtype=torch.bool, device=q.device).triu(1)
        fade = fade.masked_fill(later[..., None], float("-inf")).exp()
        scores = torch.einsum("bhid, bhjd, bhijd -> bhij", q_c, k_c, fade)
        outs.append(scores @ v_c + (q_c * b.exp()) @ S)
        total = b[:, :, -1:]  # (B, H, 1, D)
        S = total.exp().mT * S + (k_c * (total - b).exp()).mT @ v_c
    return torch.cat(outs, dim=2).to(q.dtype), S


def empty_state(k: Tensor, v: Tensor) -> Tensor:
    dtype = torch.promote_types(k.dtype, torch.float32)
    return torch.zeros(*k.shape[:2], k.shape[3], v.shape[3], dtype=dtype, device=k.device)
