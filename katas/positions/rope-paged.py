"""RoPE at arbitrary position ids, for cached and paged decoding."""

import torch
from torch import Tensor


def rope_into_pages(
    q: Tensor,
    k: Tensor,
    positions: Tensor,
    slots: Tensor,
    k_cache: Tensor,
    *,
    theta: float = 10000.0,
) -> Tensor:
    """Rotate the queries and keys of a mixed batch, and write the keys into their pages.

    A serving step holds N tokens of several sequences, one after the other: a whole prompt
    here, one new token there. Each has its own position in its own sequence, so positions
    start anywhere, repeat and jump; token n turns by positions[n], whatever n is.

    Pairs are HALF-SPLIT, as in Llama in transformers: channel i goes with channel i + D/2,
    for i = 0 .. D/2 - 1. At position p, pair i turns by the angle a = p * theta^(-2i/D):

        out[i]       = x[i] * cos(a) - x[i + D/2] * sin(a)
        out[i + D/2] = x[i] * sin(a) + x[i + D/2] * cos(a)

    The rotated key of token n goes to k_cache[slots[n] // S, slots[n] % S]. A slot of -1
    marks a token that only pads the batch: its key is written nowhere. All other slots of
    k_cache stay as they are. What is in the cache is rotated already and is not turned
    again.

    Args:
        q: (N, H, D), any floating dtype. D is even.
        k: (N, G, D), dtype of q.
        positions: (N,) int64, each at least 0, with no upper bound to make a table for. At
            padding it may be anything from 0 on.
        slots: (N,) int64, from -1 to P * S - 1; apart from -1, all different.
        k_cache: (P, S, G, D), P pages of S slots, in bfloat16, float16, float32 or float64,
            whatever the dtype of k; changed IN PLACE. It may be a view that is not
            contiguous.
        theta: Base of the frequencies.

    Returns:
        (N, H, D), the rotated queries, padding included: dtype and device of q. Angles,
        cosines, sines and the rotation are computed in at least float32, which suffices
        at every position, for float64 too: an angle at position p may be off by p * 2e-7.
        Queries are rounded once, to the dtype of q, and keys once, to that of k_cache. No
        gradients are asked for.

    Raises:
        ValueError: D is odd.

    Not allowed:
        Changing q, k, positions or slots in place.

    Source:
        Su et al. 2021, "RoFormer", section 3.2, https://arxiv.org/abs/2104.09864; Kwon et
        al. 2023, "PagedAttention", https://arxiv.org/abs/2309.06180
    """
    raise NotImplementedError
