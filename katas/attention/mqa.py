"""Multi-query attention (MQA)."""

import torch
from torch import Tensor


def multi_query_attention(q: Tensor, k: Tensor, v: Tensor, *, causal: bool = True) -> Tensor:
    """Attend with H query heads that all share one key head and one value head.

    Scores are scaled by 1/sqrt(D). A causal mask aligns the last query with the last key,
    so query i sees keys j <= i + (T_k - T_q): one new token sees the whole KV cache.

    Args:
        q: (B, H, T_q, D), any floating dtype, contiguous or not.
        k: (B, T_k, D), dtype of q: there is no head axis.
        v: (B, T_k, D_v), dtype of q. D_v may differ from D.
        causal: Hide later keys from each query. Implies T_q <= T_k.

    Returns:
        (B, H, T_q, D_v), dtype and device of q. Computed in float32, or in float64 if q is
        float64, and rounded once at the end. Gradients flow to q, k and v.

    Memory:
        The point of MQA is to read k and v once for all heads, so make no copy of them
        per head. No new tensor has more elements than the largest of q, k, v, the result
        and the (B, H, T_q, T_k) scores. A batched matrix product counts, too, that
        repeats k or v inside: q @ k[:, None].mT does.

    Not allowed:
        scaled_dot_product_attention or flex_attention, which have this built in.
        Changing q, k or v in place.

    Source:
        Shazeer 2019, "Fast Transformer Decoding: One Write-Head is All You Need",
        https://arxiv.org/abs/1911.02150
    """
    raise NotImplementedError
