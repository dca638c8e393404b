"""Relative positions: Shaw's key embeddings and T5's bucketed bias."""

import torch
from torch import Tensor


def shaw_scores(q: Tensor, k: Tensor, table: Tensor) -> Tensor:
    """Attention scores with a learned vector for each clipped distance, added to the keys.

    The last query is aligned with the last key, so key j lies r = j - i - (T_k - T_q)
    tokens after query i; before it where r is negative. The scores are

        score[i, j] = q[i] . (k[j] + table[clip(r, -R, R) + R]) / sqrt(D)

    There is no mask and no softmax: these are the scores before both.

    Args:
        q: (B, H, T_q, D), any floating dtype.
        k: (B, H, T_k, D), dtype of q.
        table: (2R + 1, D), dtype of q, shared by all heads. R may be 0.

    Returns:
        (B, H, T_q, T_k), dtype and device of q, computed in at least float32 and rounded
        once. Gradients flow to q, k and table.

    Not allowed:
        Changing q, k or table in place.

    Source:
        Shaw et al. 2018, "Self-Attention with Relative Position Representations",
        https://arxiv.org/abs/1803.02155, the part of the keys.
    """
    raise NotImplementedError


def t5_bias(
    table: Tensor, T_q: int, T_k: int, *, bidirectional: bool = True, max_distance: int = 128
) -> Tensor:
    """One learned number per head for each bucket of distances, to be added to the scores.

    r is as in shaw_scores. N, the length of the table, is the number of buckets.

    - Bidirectional: n = N / 2 buckets for r <= 0, at 0 to n - 1, and n for r > 0, at n to
      2n - 1. The distance is d = |r|.
    - Otherwise all n = N buckets are for r <= 0, with d = -r; keys with r > 0 have d = 0.

    Within its n buckets, of which e = n // 2 hold one distance each, d lies in

        d                                                            if d < e
        e + floor(log(d / e) / log(max_distance / e) * (n - e))      otherwise, n - 1 at most

    Where what floor is applied to is within 1e-4 of a whole number, the bucket below or
    above may be taken, except at d = e, which is in bucket e.

    Args:
        table: (N, H), any floating dtype: the bias of each bucket, for each head. N is a
            multiple of 4 if bidirectional, of 2 if not.
        T_q, T_k: Numbers of queries and keys, each at least 1.
        bidirectional: As in T5's encoder; False as in its decoder.
        max_distance: From here on all distances share the last bucket; greater than e.

    Returns:
        (H, T_q, T_k), dtype and device of table: its values as they are. T5 neither scales
        them nor its scores. Gradients flow to table.

    Raises:
        ValueError: N is no multiple of 4 (bidirectional) or 2, or max_distance is not
            greater than e.

    Not allowed:
        Changing table in place.

    Source:
        Raffel et al. 2019, "T5", section 2.1, https://arxiv.org/abs/1910.10683; the buckets
        are those of its code, as in transformers.
    """
    raise NotImplementedError
