"""FlashAttention forward by tiles with online softmax."""

import math

import torch
from torch import Tensor


def flash_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    causal: bool = False,
    block_q: int = 64,
    block_k: int = 64,
) -> tuple[Tensor, Tensor]:
    """Keep, per query, a running maximum, a running sum and an unnormalised output."""
    if block_q < 1 or block_k < 1:
        raise ValueError(f"block sizes must be at least 1, got {block_q} and {block_k}")
    T_q, T_k, D = q.shape[2], k.shape[2], q.shape[3]
    dtype = torch.promote_types(q.dtype, torch.float32)
    out = torch.zeros(*q.shape[:3], v.shape[3], dtype=q.dtype, device=q.device)
    lse = torch.zeros(q.shape[:3], dtype=dtype, device=q.device)

    for i in range(0, T_q, block_q):
        q_tile = q[:, :, i : i + block_q].to(dtype) / math.sqrt(D)
        own_key = torch.arange(i, i + q_tile.shape[2], device=q.device)[:, None] + T_k - T_q
        top = torch.full_like(q_tile[..., :1], float("-inf"))  # (B, H, block_q, 1)
        total = torch.zeros_like(top)
        acc = torch.zeros_like(out[:, :, i : i + block_q], dtype=dtype)

        for j in range(0, T_k, block_k):
            k_tile, v_tile = (x[:, :, j : j + block_k].to(dtype) for x in (k, v))
            scores = q_tile @ k_tile.mT  # (B, H, block_q, block_k)
            if causal:
                keys = torch.arange(j, j + k_tile.shape[2], device=q.device)
                scores = scores.masked_fill(keys > own_key, float("-inf"))
            new_top = torch.maximum(top, scores.amax(dim=-1, keepdim=True))
            # while a query has seen no key, -inf - -inf would be NaN
            shift = new_top.masked_fill(new_top.isneginf(), 0.0)
            weights, decay = (scores - shift).exp(), (top - shift).exp()
            total = total * decay + weights.sum(dim=-1, keepdim=True)
            acc = acc * decay + weights @ v_tile
            top = new_top

        out[:, :, i : i + block_q] = acc / total.masked_fill(total == 0, 1.0)
        lse[:, :, i : i + block_q] = (top + total.log()).squeeze(-1)
    return out, lse
