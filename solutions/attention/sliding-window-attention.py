"""Sliding-window attention, never N by N."""

import math

import torch
from torch import Tensor


def sliding_window_attention(q: Tensor, k: Tensor, v: Tensor, window: int) -> Tensor:
    """Take queries in blocks as long as the window: a block sees fewer than 2 * window keys."""
    if window < 1:
        raise ValueError(f"window must be at least 1, got {window}")
    T_q, T_k, D = q.shape[2], k.shape[2], q.shape[3]
    if T_q > T_k:
        raise ValueError(f"more queries ({T_q}) than keys ({T_k})")

    dtype = torch.promote_types(q.dtype, torch.float32)
    positions = torch.arange(T_k, device=q.device)
    block = window
    blocks = []
    for i in range(0, T_q, block):
        start = i + T_k - T_q  # the position of the block's first query
        end = min(start + block, T_k)
        first = max(0, start - window + 1)  # the earliest key that this query sees
        scores = q[:, :, i : i + block].to(dtype) @ k[:, :, first:end].to(dtype).mT
        distance = positions[start:end, None] - positions[first:end]
        hidden = (distance < 0) | (distance >= window)
        scores = (scores / math.sqrt(D)).masked_fill(hidden, float("-inf"))
        blocks.append(scores.softmax(dim=-1) @ v[:, :, first:end].to(dtype))
    return torch.cat(blocks, dim=2).to(q.dtype)
