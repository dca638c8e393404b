"""Grouped-query attention (GQA)."""

import torch
from torch import Tensor


def grouped_query_attention(q: Tensor, k: Tensor, v: Tensor, *, causal: bool = True) -> Tensor:
    """Attend with H query heads that share G key/value heads.

    Query head h reads KV head h // (H // G): with H=6 and G=2, query heads 0-2
    read KV head 0 and query heads 3-5 read KV head 1. Scores are scaled by
    1/sqrt(D). A causal mask aligns the last query with the last key, so query i
    sees keys j <= i + (T_k - T_q): one new token sees the whole KV cache.

    Args:
        q: (B, H, T_q, D), any floating dtype.
        k: (B, G, T_k, D), dtype of q.
        v: (B, G, T_k, D), dtype of q.
        causal: Hide later keys from each query. Implies T_q <= T_k.

    Returns:
        (B, H, T_q, D), dtype and device of q. Computed in float32, or in float64 if q is
        float64, and rounded once at the end. Gradients flow to q, k and v.

    Raises:
        ValueError: H is not a multiple of G.

    Not allowed:
        scaled_dot_product_attention or flex_attention, which have this built in.
        Changing q, k or v in place.

    Source:
        Ainslie et al. 2023, "GQA", https://arxiv.org/abs/2305.13245
    """
    raise NotImplementedError
