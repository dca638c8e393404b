"""Multi-head attention (MHA)."""

import torch
from torch import Tensor, nn


class MultiHeadAttention(nn.Module):
    """Self-attention by H heads, each on its own slice of the projected channels.

    Submodules, each with a weight (d_model, d_model) and, if bias is True, a bias
    (d_model,), applied as x @ weight^T + bias:

        q_proj, k_proj, v_proj, o_proj

    There are no other parameters. Weights are loaded into the module and it may be moved
    with .double() or .bfloat16(), so how the weights start does not matter.

    With D = d_model / n_heads, head h owns channels h * D to (h + 1) * D - 1 of q_proj(x),
    k_proj(x) and v_proj(x). Each head attends by itself, with scores scaled by 1/sqrt(D)
    and the softmax over the keys. The heads' outputs, concatenated in order of heads, go
    through o_proj. There is no dropout.

    Not allowed:
        scaled_dot_product_attention, flex_attention and nn.MultiheadAttention, which
            have this built in.
        Changing x in place.
        Keeping anything of a call for later calls.

    Source:
        Vaswani et al. 2017, "Attention Is All You Need", section 3.2.2,
        https://arxiv.org/abs/1706.03762
    """

    def __init__(self, d_model: int, n_heads: int, *, bias: bool = True) -> None:
        """Make the parameters.

        Args:
            d_model: Width of x and of the output.
            n_heads: Number of heads, H.
            bias: Whether all four projections have a bias, or none.

        Raises:
            ValueError: d_model is not a multiple of n_heads.
        """
        raise NotImplementedError

    def forward(self, x: Tensor, *, causal: bool = True) -> Tensor:
        """Attend within each sequence.

        Args:
            x: (B, T, d_model), dtype of the parameters, T >= 1, contiguous or not.
            causal: Token i sees tokens j <= i only. Otherwise it sees all T.

        Returns:
            (B, T, d_model), dtype and device of x. The softmax is computed in at least
            float32, from scores that may have the dtype of x. Gradients flow to x and all
            parameters.
        """
        raise NotImplementedError
