"""Multi-query attention (MQA)."""

import math

import torch
from torch import Tensor


def multi_query_attention(q: Tensor, k: Tensor, v: Tensor, *, causal: bool = True) -> Tensor:
    """Fold the heads into the query axis: to the keys they are just more queries."""
    H, T_q, D = q.shape[1:]
    T_k = k.shape[1]
    dtype = torch.promote_types(q.dtype, torch.float32)

    queries = q.to(dtype).flatten(1, 2)  # (B, H * T_q, D)
    scores = queries @ k.to(dtype).mT / math.sqrt(D)
    scores = torch.unflatten(scores, 1, (H, T_q))  # (B, H, T_q, T_k)
    if causal:
        visible = torch.ones(T_q, T_k, dtype=torch.bool, device=q.device).tril(T_k - T_q)
        scores = scores.masked_fill(~visible, float("-inf"))
    weights = scores.softmax(dim=-1).flatten(1, 2)  # (B, H * T_q, T_k)
    return torch.unflatten(weights @ v.to(dtype), 1, (H, T_q)).to(q.dtype)
