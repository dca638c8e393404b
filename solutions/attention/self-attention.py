"""Single-head self-attention."""

import math

import torch
from torch import Tensor


def self_attention(
    x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, *, causal: bool = False
) -> tuple[Tensor, Tensor]:
    """Project three times, score every pair of tokens, and mix the values."""
    if w_q.shape != w_k.shape:
        raise ValueError(f"w_q {tuple(w_q.shape)} and w_k {tuple(w_k.shape)} must be alike")

    dtype = torch.promote_types(x.dtype, torch.float32)
    q, k, v = (x.to(dtype) @ w.to(dtype) for w in (w_q, w_k, w_v))  # (B, T, d_k or d_v)
    scores = q @ k.mT / math.sqrt(w_q.shape[1])  # (B, T, T)
    if causal:
        later = torch.ones_like(scores, dtype=torch.bool).triu(1)
        scores = scores.masked_fill(later, float("-inf"))
    weights = scores.softmax(dim=-1)
    return (weights @ v).to(x.dtype), weights.to(x.dtype)
