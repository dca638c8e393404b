"""Paged attention decode in Triton."""

import torch
import triton
import triton.language as tl
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
    """Attend from one new token per sequence to its paged cache, in Triton kernels.

    This function allocates the result and launches one or more @triton.jit kernels
    of your own. They take all of q, k_cache and v_cache from memory and do all
    arithmetic on them.

    The cache is a pool of blocks of S token slots. Token t of sequence b, counted
    from 0, lies in slot t % S of block block_table[b, t // S]. Sequence b attends
    to its tokens 0 to seq_lens[b] - 1; the new token is the last of them and
    already in the cache. Blocks come in any order, the last may be partly filled,
    and sequences may share blocks. Query head h reads KV head h // (H // G).

    Args:
        q: (B, H, D), float16 or float32, contiguous; D is a power of two, 16 to 128.
        k_cache: (num_blocks, S, G, D), dtype of q; S is a power of two, 16 to 64.
            It may be a view with any strides, but for the last, which is 1.
        v_cache: Like k_cache; its strides may be others.
        block_table: (B, max_blocks), int32 or int64, contiguous. Entries of a row
            past the ceil(seq_lens[b] / S) blocks in use are not block numbers.
        seq_lens: (B,), int32 or int64, contiguous, from 0 to max_blocks * S.
        scale: Multiplies q @ k; None stands for 1 / sqrt(D).

    Returns:
        (B, H, D), dtype of q, computed in float32: no TF32, and no scores or weights
        rounded to float16. Zeros for length 0.

    Raises:
        ValueError: H is not a multiple of G. H // G is any number, 3 for one.

    Work and memory:
        A row of the table is as wide as the longest sequence may become: loop over
        the blocks that a sequence uses, not over all max_blocks with a mask. With
        n = ceil(max(seq_lens) / S), no new tensor has more than B * H * n * D
        elements: enough for partial results, not for a copy of the tokens.

    Stale slots:
        Slots that hold no token of a sequence may contain anything, also NaN and
        infinities, and have no effect on it.

    Where it runs:
        On a GPU if there is one, else in Triton's interpreter on the CPU, which
        knows no bfloat16 and no triton.autotune over several configurations.

    Not allowed:
        Attention or its parts in torch: scaled_dot_product_attention, matmul, dot,
        einsum and the like, softmax, logsumexp, sum, mean, index_select, gather.
        Changing an input in place.

    Source:
        Kwon et al. 2023, "PagedAttention", https://arxiv.org/abs/2309.06180
    """
    raise NotImplementedError
