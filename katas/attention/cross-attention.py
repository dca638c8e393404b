"""Cross-attention with padding masks."""

import torch
from torch import Tensor, nn


class CrossAttention(nn.Module):
    """Multi-head attention from the tokens of x to those of another sequence, context.

    Submodules, each with one parameter named weight and no bias, applied as x @ weight^T:

        q_proj  (d_model, d_model)      takes x
        k_proj  (d_model, d_context)    takes context
        v_proj  (d_model, d_context)    takes context
        o_proj  (d_model, d_model)

    There are no other parameters. Weights are loaded into the module and it may be moved
    with .double() or .bfloat16(), so how the weights start does not matter.

    With D = d_model / n_heads, head h owns channels h * D to (h + 1) * D - 1 of the three
    projections. Scores are scaled by 1/sqrt(D). The heads' outputs, concatenated in order
    of heads, go through o_proj. Nothing is causal: a query may read any context token that
    is not padding.

    Not allowed:
        scaled_dot_product_attention, flex_attention and nn.MultiheadAttention, which
            have this built in.
        Changing x, context or a mask in place.
        Keeping anything of a call for later calls.

    Source:
        Vaswani et al. 2017, "Attention Is All You Need", section 3.2.3,
        https://arxiv.org/abs/1706.03762
    """

    def __init__(self, d_model: int, d_context: int, n_heads: int) -> None:
        """Make the parameters.

        Args:
            d_model: Width of x and of the output.
            d_context: Width of context.
            n_heads: Number of heads, H.

        Raises:
            ValueError: d_model is not a multiple of n_heads.
        """
        raise NotImplementedError

    def forward(
        self,
        x: Tensor,
        context: Tensor,
        x_mask: Tensor | None = None,
        context_mask: Tensor | None = None,
    ) -> Tensor:
        """Attend from x to context.

        In both masks True is a token and False is padding; None means that there is no
        padding. Padding may be anywhere in a sequence and holds any finite numbers that
        do not overflow in a projection.

        Args:
            x: (B, T_q, d_model), dtype of the parameters.
            context: (B, T_k, d_context), dtype of x. T_k >= 1 may differ from T_q.
            x_mask: (B, T_q), bool.
            context_mask: (B, T_k), bool.

        Returns:
            (B, T_q, d_model), dtype and device of x. A context token that is padding has no
            effect at all. The row of an x token that is padding is zeros. So are all rows
            of a sequence whose context is all padding. Such rows pass back zero gradients,
            never NaN. The softmax is computed in at least float32, from scores that may
            have the dtype of x. Gradients flow to x, context and all parameters.
        """
        raise NotImplementedError
