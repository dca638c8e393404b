"""Longformer local and global attention."""

import torch
from torch import Tensor


def longformer_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    q_global: Tensor,
    k_global: Tensor,
    v_global: Tensor,
    is_global: Tensor,
    window: int,
    *,
    mask: Tensor | None = None,
) -> Tensor:
    """Attend to a window around each token, and to and from a few global tokens.

    Nothing is causal. A sequence's tokens are of two kinds, and padding is neither:

    A global token sees every token of its sequence. It takes its query from q_global, and
    its keys and values, also those at itself and at other global tokens, from k_global
    and v_global.

    Any other token i, a local one, sees the tokens at i - window/2 to i + window/2, its
    own among them, as far as they exist, and all global tokens wherever they are. Its query
    comes from q, and all keys and values that it reads, those of global tokens too, from k
    and v. One softmax runs over all that it sees; a global token inside the window counts
    once.

    Scores are scaled by 1/sqrt(D) for both kinds. Padding keeps its place: distances are
    those of positions in the tensor.

    Args:
        q, k: (B, H, T, D), any floating dtype, T >= 1, contiguous or not.
        v: (B, H, T, D_v), dtype of q. D_v may differ from D.
        q_global: (B, H, T, D), dtype of q. Read at global tokens only.
        k_global: (B, H, T, D), dtype of q.
        v_global: (B, H, T, D_v), dtype of q.
        is_global: (B, T), bool. How many are True may differ between sequences, and may be
            none or all. True at padding has no effect: padding is never global.
        window: Even, at least 2. T need not be a multiple of it, and may be smaller.
        mask: (B, T), bool. True is a token, False is padding, which may be anywhere and
            holds any finite numbers whose products do not overflow. None means that there
            is no padding.

    Returns:
        (B, H, T, D_v), dtype and device of q. Rows of padding are zeros and pass back zero
        gradients, never NaN, also where a sequence is all padding. Computed in float32, or
        in float64 if q is float64, and rounded once at the end. Gradients flow to all six
        tensors.

    Memory and work:
        With n the most global tokens that a sequence of the batch has, no new tensor,
        masks included, has more than
        2 * B * H * (T + window) * (window + 1 + n) * max(D, D_v) elements. All matrix
        products of the forward pass together take at most
        16 * B * H * (T + window) * (window + 1 + n) * (D + D_v) FLOPs, a multiply-add
        counted as 2.

    Raises:
        ValueError: window is odd, or less than 2.

    Not allowed:
        scaled_dot_product_attention or flex_attention, which have this built in.
        Changing any argument in place.

    Source:
        Beltagy et al. 2020, "Longformer", section 3.1, https://arxiv.org/abs/2004.05150
    """
    raise NotImplementedError
