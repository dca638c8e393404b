"""Paged attention over a block table."""

import math

import torch
from torch import Tensor


def paged_attention(
    q: Tensor,
    k_cache: Tensor,
    v_cache: Tensor,
    block_table: Tensor,
    seq_lens: Tensor,
    *,
    scale: float | None = None,
) -> Tensor:
    """Gather each sequence's own tokens by its table row, so that there is nothing to mask."""
    H, D = q.shape[1:]
    S, G = k_cache.shape[1:3]
    if H % G:
        raise ValueError(f"query heads ({H}) must be a multiple of KV heads ({G})")

    scale = 1 / math.sqrt(D) if scale is None else scale
    dtype = torch.promote_types(q.dtype, torch.float32)
    out = torch.empty_like(q)
    for b, length in enumerate(seq_lens.tolist()):
        blocks = block_table[b, : math.ceil(length / S)]
        # cut to length before any arithmetic: 0 * NaN from a stale slot would be NaN
        k = k_cache[blocks].flatten(0, 1)[:length].to(dtype)  # (T, G, D)
        v = v_cache[blocks].flatten(0, 1)[:length].to(dtype)
        heads = q[b].view(G, H // G, D).to(dtype)
        scores = torch.einsum("grd, tgd -> grt", heads, k) * scale
        # of no tokens, the softmax is empty and the sum over it zero
        out[b] = torch.einsum("grt, tgd -> grd", scores.softmax(dim=-1), v).reshape(H, D)
    return out
