"""Scaled dot-product attention with masks."""

import math

import torch
from torch import Tensor


def attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask: Tensor | None = None,
    *,
    causal: bool = False,
    scale: float | None = None,
) -> Tensor:
    """Set hidden scores to -inf, and lead rows that are all -inf around the softmax."""
    T_q, D = q.shape[-2:]
    T_k = k.shape[-2]
    if scale is None:
        scale = 1 / math.sqrt(D)
    dtype = torch.promote_types(q.dtype, torch.float32)
    scores = q.to(dtype) @ k.to(dtype).transpose(-2, -1) * scale  # (B, H, T_q, T_k)
    visible = torch.ones(T_q, T_k, dtype=torch.bool, device=q.device)
    if causal:
        visible = visible.tril(T_k - T_q)
    if mask is not None and mask.dtype == torch.bool:
        visible = visible & mask
    elif mask is not None:
        scores = scores + mask
    scores = scores.masked_fill(~visible, float("-inf"))

    # the softmax of a row of -inf is NaN, and zeros put over it would still pass NaN back
    blind = scores.isneginf().all(dim=-1, keepdim=True)  # (B, H, T_q, 1)
    weights = scores.masked_fill(blind, 0.0).softmax(dim=-1).masked_fill(blind, 0.0)
    return (weights @ v.to(dtype)).to(q.dtype)
