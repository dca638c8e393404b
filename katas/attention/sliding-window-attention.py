"""Sliding-window attention, never N by N."""

import torch
from torch import Tensor


def sliding_window_attention(q: Tensor, k: Tensor, v: Tensor, window: int) -> Tensor:
    """Attend causally to the last `window` keys, in memory that is linear in the length.

    The last query is aligned with the last key: query i has position p = i + (T_k - T_q)
    and sees the keys p - window < j <= p. So a query counts its own key as one of the
    window: window=1 sees only itself, and a window of T_k or more is plain causal
    attention. The first queries see fewer keys than window, since there are none before
    key 0. Scores are scaled by 1/sqrt(D).

    Args:
        q: (B, H, T_q, D), any floating dtype, contiguous or not.
        k: (B, H, T_k, D), dtype of q, T_q <= T_k.
        v: (B, H, T_k, D_v), dtype of q. D_v may differ from D.
        window: How many keys a query sees, at least 1. Need not divide T_q or T_k, and
            may be larger than both.

    Returns:
        (B, H, T_q, D_v), dtype and device of q. Computed in float32, or in float64 if q is
        float64, and rounded once at the end. Gradients flow to q, k and v.

    Memory and work:
        No new tensor, masks included, has more than
        2 * B * H * (T_k + window) * window * max(D, D_v) elements. All matrix products of
        the forward pass together take at most
        16 * B * H * (T_q + window) * window * (D + D_v) FLOPs, a multiply-add counted as 2:
        no query is scored against all keys.

    Raises:
        ValueError: window is less than 1, or T_q is greater than T_k.

    Not allowed:
        scaled_dot_product_attention or flex_attention, which have this built in.
        Changing q, k or v in place.

    Source:
        Jiang et al. 2023, "Mistral 7B", section 2, https://arxiv.org/abs/2310.06825;
        Beltagy et al. 2020, "Longformer", section 3.1, https://arxiv.org/abs/2004.05150
    """
    raise NotImplementedError
