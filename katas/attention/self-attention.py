"""Single-head self-attention."""

import torch
from torch import Tensor


def self_attention(
    x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, *, causal: bool = False
) -> tuple[Tensor, Tensor]:
    """Let each token of x attend to the tokens of its own sequence, with one head.

    Queries, keys and values are x @ w_q, x @ w_k and x @ w_v: the weights are laid out
    (in, out), as in the paper and not as in nn.Linear. Scores are q k^T / sqrt(d_k), and
    the softmax runs over the keys.

    Args:
        x: (B, T, D), any floating dtype, T >= 1, contiguous or not.
        w_q: (D, d_k), dtype of x.
        w_k: (D, d_k), dtype of x.
        w_v: (D, d_v), dtype of x. d_k, d_v and D may all differ.
        causal: Token i sees tokens j <= i only. Otherwise it sees all T.

    Returns:
        A tuple (out, weights):
        out: (B, T, d_v), dtype and device of x.
        weights: (B, T, T), dtype of x. weights[b, i, j] is how much token i reads from
            token j: each row sums to 1, and a hidden token's weight is exactly 0.
        All is computed in float32, or in float64 if x is float64, and each result is
        rounded once at the end. Gradients flow to x and the weights, through both.

    Raises:
        ValueError: w_q and w_k do not have the same shape.

    Not allowed:
        scaled_dot_product_attention, flex_attention and nn.MultiheadAttention, which
            have this built in.
        Changing x or a weight in place.

    Source:
        Vaswani et al. 2017, "Attention Is All You Need", section 3.2.1,
        https://arxiv.org/abs/1706.03762
    """
    raise NotImplementedError
