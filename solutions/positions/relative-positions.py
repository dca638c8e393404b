"""Relative positions: Shaw's key embeddings and T5's bucketed bias."""

import math

import torch
from torch import Tensor


def distances(T_q: int, T_k: int, device: torch.device) -> Tensor:
    """How far each key lies after each query: (T_q, T_k)."""
    queries = torch.arange(T_k - T_q, T_k, device=device)
    return torch.arange(T_k, device=device) - queries[:, None]


def shaw_scores(q: Tensor, k: Tensor, table: Tensor) -> Tensor:
    """Score each query with all rows of the table once, and look up the row of each distance."""
    B, H, T_q, D = q.shape
    T_k, R = k.shape[2], len(table) // 2
    dtype = torch.promote_types(q.dtype, torch.float32)
    wide = q.to(dtype)

    row = distances(T_q, T_k, q.device).clamp(-R, R) + R
    by_row = wide @ table.to(dtype).T  # (B, H, T_q, 2R + 1)
    position = by_row.gather(-1, row.expand(B, H, T_q, T_k))
    content = wide @ k.to(dtype).transpose(-2, -1)
    return ((content + position) / math.sqrt(D)).to(q.dtype)


def t5_bias(
    table: Tensor, T_q: int, T_k: int, *, bidirectional: bool = True, max_distance: int = 128
) -> Tensor:
    """Small distances have their own bucket, large ones share buckets of equal width in log d."""
    n = len(table) // 2 if bidirectional else len(table)
    e = n // 2
    if len(table) % (4 if bidirectional else 2) or max_distance <= e:
        raise ValueError(f"{len(table)} buckets do not suit max_distance={max_distance}")

    r = distances(T_q, T_k, table.device)
    d = r.abs() if bidirectional else (-r).clamp(min=0)
    # below e the logarithm is not used; clamping keeps it away from log 0
    steps = (d.clamp(min=e) / e).log() / math.log(max_distance / e) * (n - e)
    far = (e + steps.long()).clamp(max=n - 1)
    bucket = torch.where(d < e, d, far)
    if bidirectional:
        bucket = bucket + n * (r > 0)
    return table[bucket].permute(2, 0, 1)  # (H, T_q, T_k)
