"""Block-sparse attention with selected blocks (NSA)."""

import torch
from torch import Tensor


def native_sparse_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    gates: Tensor,
    *,
    block_size: int,
    n_selected: int,
    window: int,
) -> Tensor:
    """Mix three causal attentions: to means of blocks, to a few whole blocks, to a window.

    Query head h reads KV head h // (H // G); the H/G heads that share one are a group. Keys
    are cut into blocks: block j holds the positions j * block_size to (j + 1) * block_size
    - 1, and the last block may be shorter. All scores are scaled by 1/sqrt(D). Each of the
    three branches has a softmax of its own. The query at position t reads:

    Compressed: one key and one value for each block that has all its block_size positions
    and ends at or before t, the means of the block's keys and of its values. Before block 0
    ends there is nothing to read, and the branch gives zeros.

    Selected: every key up to t in n_selected of the blocks 0 to own = t // block_size, or
    in all of these if they are no more. Always selected are block 0, block own and block
    own - 1, if there is one; they count among the n_selected. The others are those of the
    highest importance, and of equally important ones the earlier. The importance of a
    block is its weight in the softmax of the compressed branch, summed over the heads of
    the group, so that these read the same blocks. No gradient flows through the choice.

    Sliding: the last `window` keys up to t, its own among them.

    Head h at t then gives gates[..., 0] * compressed + gates[..., 1] * selected +
    gates[..., 2] * sliding.

    Args:
        q: (B, H, T, D), any floating dtype, T >= 1, contiguous or not.
        k: (B, G, T, D), dtype of q.
        v: (B, G, T, D_v), dtype of q. D_v may differ from D.
        gates: (B, H, T, 3), dtype of q. Used as they are, whatever they sum to.
        block_size: At least 1. Need not divide T, and may be larger.
        n_selected: At least 3, may be larger than the number of blocks.
        window: At least 1, may be larger than T.

    Returns:
        (B, H, T, D_v), dtype and device of q. Computed in float32, or in float64 if q is
        float64, and rounded once at the end. Gradients flow to all four tensors.

    Memory and work:
        With S = n_selected * block_size + window, no new tensor, masks included, has more
        than 2 * B * H * T * max(T / block_size, S * max(D, D_v)) elements. All matrix
        products of the forward pass together take at most
        4 * B * H * T * (T / block_size + S) * (D + D_v) FLOPs, a multiply-add counted as 2.

    Raises:
        ValueError: H is not a multiple of G, block_size or window is less than 1, or
            n_selected is less than 3.

    Not allowed:
        scaled_dot_product_attention or flex_attention, which have this built in.
        Changing any argument in place.

    Source:
        Yuan et al. 2025, "Native Sparse Attention", https://arxiv.org/abs/2502.11089. There
        compression is a learned map over blocks that overlap, and each branch has keys and
        values of its own.
    """
    raise NotImplementedError
