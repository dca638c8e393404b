"""Paged attention over a block table."""

import torch
from torch import Tensor


def paged_attention(
    q: Tensor,
    k_cache: Tensor,
    v_cache: Tensor,
    block_table: Tensor,
    seq_lens: Tensor,
    *,
    scale: float | None = None,
) -> Tensor:
    """Attend from one new token per sequence to its keys and values in a paged cache.

    The cache is a pool of blocks of S token slots. Token t of sequence b, counted
    from 0, lies in slot t % S of block block_table[b, t // S]. Sequence b attends
    to its tokens 0 to seq_lens[b] - 1; the new token is the last of them and
    already in the cache. A sequence's blocks come in any order, its last block may
    be partly filled, and sequences may share blocks.

    Query head h reads KV head h // (H // G), as in grouped-query attention.

    Args:
        q: (B, H, D), any floating dtype.
        k_cache: (num_blocks, S, G, D), dtype of q; S is any size from 1. The caches
            may be views of one larger tensor, with any strides.
        v_cache: Like k_cache.
        block_table: (B, max_blocks), int32 or int64. Entries of a row past the
            ceil(seq_lens[b] / S) blocks in use are not block numbers: they may be
            -1, larger than num_blocks, or another sequence's block.
        seq_lens: (B,), int32 or int64, from 0 to max_blocks * S.
        scale: Multiplies q @ k; None stands for 1 / sqrt(D).

    Returns:
        (B, H, D), dtype of q, computed in float32 or wider; in float64 if q is
        float64. Zeros for a sequence of length 0.

    Raises:
        ValueError: H is not a multiple of G.

    Memory:
        The pool is large and a table row is as wide as the longest sequence may
        become, so copy neither. With L = max(seq_lens) rounded up to a multiple of
        S, no new tensor has more than B * L * H * D elements.

    Stale slots:
        Slots that hold no token of a sequence may contain anything, also NaN and
        infinities, and have no effect on it.

    Not allowed:
        scaled_dot_product_attention.
        Changing a cache, the table or any other input in place.

    Source:
        Kwon et al. 2023, "PagedAttention", https://arxiv.org/abs/2309.06180
    """
    raise NotImplementedError
