"""FlashAttention backward from the log-sum-exp."""

import math

import torch
from torch import Tensor


def flash_attention_backward(
    grad_out: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    out: Tensor,
    lse: Tensor,
    *,
    causal: bool = False,
    block_q: int = 64,
    block_k: int = 64,
) -> tuple[Tensor, Tensor, Tensor]:
    """Make each tile of weights again, and go back through it at once."""
    if block_q < 1 or block_k < 1:
        raise ValueError(f"block sizes must be at least 1, got {block_q} and {block_k}")
    T_q, T_k, D = q.shape[2], k.shape[2], q.shape[3]
    scale = 1 / math.sqrt(D)
    dtype = torch.promote_types(q.dtype, torch.float32)
    grad_q, grad_k, grad_v = (torch.zeros_like(x, dtype=dtype) for x in (q, k, v))

    # sum over the keys of weight * (grad_out . v), without the weights: (B, H, T_q, 1)
    delta = (grad_out.to(dtype) * out).sum(dim=-1, keepdim=True)
    # a query that sees no key has scores of -inf only, and -inf - -inf would be NaN
    lse = lse.masked_fill(lse.isneginf(), 0.0)[..., None]

    for j in range(0, T_k, block_k):
        cols = slice(j, j + block_k)
        k_tile, v_tile = k[:, :, cols].to(dtype), v[:, :, cols].to(dtype)
        for i in range(0, T_q, block_q):
            rows = slice(i, i + block_q)
            q_tile, g_tile = q[:, :, rows].to(dtype), grad_out[:, :, rows].to(dtype)
            scores = q_tile @ k_tile.mT * scale  # (B, H, block_q, block_k)
            if causal:
                own_key = torch.arange(i, i + q_tile.shape[2], device=q.device) + T_k - T_q
                keys = torch.arange(j, j + k_tile.shape[2], device=q.device)
                scores = scores.masked_fill(keys > own_key[:, None], float("-inf"))
            weights = (scores - lse[:, :, rows]).exp()
            grad_weights = g_tile @ v_tile.mT
            grad_scores = weights * (grad_weights - delta[:, :, rows]) * scale
            grad_v[:, :, cols] += weights.mT @ g_tile
            grad_k[:, :, cols] += grad_scores.mT @ q_tile
            grad_q[:, :, rows] += grad_scores @ k_tile
    return grad_q.to(q.dtype), grad_k.to(q.dtype), grad_v.to(q.dtype)
