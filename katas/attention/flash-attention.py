"""FlashAttention forward by tiles with online softmax."""

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
    """Compute softmax(q k^T / sqrt(D)) v tile by tile, without the (T_q, T_k) scores.

    The causal mask aligns the LAST query with the LAST key: query i sees keys
    j <= i + (T_k - T_q). So one new token sees the whole KV cache, and with T_q > T_k
    the first T_q - T_k queries see no key.

    Neither length need be a multiple of its block size, or as large as it.

    Args:
        q: (B, H, T_q, D), any floating dtype, contiguous or not, T_q >= 1.
        k: (B, H, T_k, D), dtype of q, T_k >= 1.
        v: (B, H, T_k, D_v), dtype of q. D_v may differ from D.
        causal: Hide later keys from each query.
        block_q, block_k: Rows of q, and of k and v, in a tile. At least 1.

    Returns:
        A tuple (out, lse):
        out: (B, H, T_q, D_v), dtype and device of q.
        lse: (B, H, T_q), the natural logarithm of the sum of exp(score) over the keys
            that the query sees, scores scaled by 1/sqrt(D). float64 if q is float64,
            else float32.
        A query that sees no key gives a row of zeros and an lse of -inf, never NaN.
        All is computed in float32, or in float64 if q is float64, and out is rounded
        once at the end. No gradient need flow back.

    Memory:
        A tile of scores has B * H * block_q * block_k elements. No new tensor has more
        elements than the largest of q, k, v and out, or than two such tiles if these are
        more. A (T_q, T_k) mask is a tensor, too.

    Raises:
        ValueError: block_q or block_k is less than 1.

    Not allowed:
        scaled_dot_product_attention or flex_attention, which have this built in.
        Changing q, k or v in place.

    Source:
        Dao et al. 2022, "FlashAttention", algorithm 1, https://arxiv.org/abs/2205.14135,
        and Dao 2023, "FlashAttention-2", section 3.1, for the order of loops and the
        log-sum-exp, https://arxiv.org/abs/2307.08691
    """
    raise NotImplementedError
