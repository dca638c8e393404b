"""ALiBi slopes and bias."""

import torch
from torch import Tensor


def alibi_slopes(n_heads: int) -> list[float]:
    """Give each head its slope, head 0 the steepest.

    For a power of two, head h of H gets 2^(-8(h + 1)/H): with 8 heads 1/2, 1/4, ..., 1/256.

    Otherwise, with P the largest power of two below H: the first P heads get the slopes of
    P heads. The H - P others get every other slope of 2P heads, from the first on: the
    first, third, fifth, .... With 3 heads: 1/16 and 1/256 as for 2 heads, then 1/4, the
    first of the 4 heads 1/4, 1/16, 1/64, 1/256.

    Args:
        n_heads: H, at least 1.

    Returns:
        H floats.

    Source:
        Press et al. 2021, "Train Short, Test Long", section 3,
        https://arxiv.org/abs/2108.12409. Other numbers of heads: the authors' program,
        https://github.com/ofirpress/attention_with_linear_biases
    """
    raise NotImplementedError


def add_alibi(scores: Tensor, *, causal: bool = True) -> Tensor:
    """Lower each score by the head's slope times the distance of its query and key.

    The last query is aligned with the last key: query i is at position i + T_k - T_q, key
    j at position j. So one new token, T_q = 1, is at distance T_k - 1 from the first key.

        out[b, h, i, j] = scores[b, h, i, j] - slope[h] * |i + T_k - T_q - j|

    Scores come scaled by 1/sqrt(D) already; the bias itself is not scaled.

    Args:
        scores: (B, H, T_q, T_k), any floating dtype, finite. T_q may be above T_k if not
            causal.
        causal: Whether keys behind the query, j > i + T_k - T_q, get -inf in place of a
            score. Implies T_q <= T_k. Otherwise both sides are biased alike.

    Returns:
        (B, H, T_q, T_k), dtype and device of scores. The bias is computed and added in at
        least float32 (float64 for float64 scores), and the sum is rounded once. Gradients
        flow to scores.

    Not allowed:
        Changing scores in place.
    """
    raise NotImplementedError
