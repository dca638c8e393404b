"""Scaled dot-product attention with masks."""

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
    """Compute softmax(scale * q k^T + mask) v, with the softmax over the keys.

    Query i sees key j only if mask and causal both let it.

    The causal mask aligns the LAST query with the LAST key, the bottom right corner:
    query i sees keys j <= i + (T_k - T_q). So one new token sees the whole KV cache,
    and with T_q > T_k the first T_q - T_k queries see no key. (torch's is_causal
    aligns the first query with the first key instead: the top left corner.)

    A query that sees no key, for whatever reason, gives a row of zeros and passes back
    zero gradients, never NaN. Other rows are as if it were not there.

    Args:
        q: (B, H, T_q, D), any floating dtype.
        k: (B, H, T_k, D), dtype of q. T_k is at least 1.
        v: (B, H, T_k, D_v), dtype of q. D_v may differ from D.
        mask: Broadcasts to (B, H, T_q, T_k), such as (T_q, T_k) or (B, 1, 1, T_k).
            Boolean: True where the query may attend to the key, as in torch.
            Floating, dtype of q: added to the scaled scores; -inf hides a key.
        causal: Hide later keys from each query.
        scale: Factor for q k^T; None means 1/sqrt(D). Any float counts, also 0.0.

    Returns:
        (B, H, T_q, D_v), dtype and device of q. Computed in float32, or in float64 if q is
        float64, and rounded once at the end. Gradients flow to q, k, v and a
        floating mask.

    Not allowed:
        scaled_dot_product_attention or flex_attention, which have this built in.
        Changing q, k, v or mask in place.

    Source:
        Vaswani et al. 2017, "Attention Is All You Need", section 3.2.1,
        https://arxiv.org/abs/1706.03762
    """
    raise NotImplementedError
