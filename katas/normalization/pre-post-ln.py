"""Pre-LN and Post-LN residual blocks, and their gradient scale."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class ResidualBlocks(nn.Module):
    """Wrap L sublayers, such as attention and feed-forward, in residual blocks.

    With h_0 = x, block l = 0 .. L - 1 is

        Pre-LN:   h_(l+1) = h_l + sublayer_l(norm_l(h_l)), and the result is final(h_L)
        Post-LN:  h_(l+1) = norm_l(h_l + sublayer_l(h_l)), and the result is h_L

    Submodules:
        sublayers: nn.ModuleList of the sublayers, in their order.
        norms: nn.ModuleList of L nn.LayerNorm(d_model), one of its own for each block.
        final: nn.LayerNorm(d_model) for Pre-LN. Post-LN has none: no parameter of this
            name.

    Not allowed:
        Changing an argument in place.

    Source:
        Xiong et al. 2020, "On Layer Normalization in the Transformer Architecture",
        section 3, https://arxiv.org/abs/2002.04745
    """

    def __init__(self, sublayers: Sequence[nn.Module], d_model: int, *, pre_norm: bool) -> None:
        """Args:
        sublayers: L modules, each from (B, T, d_model) to the same shape; L may be 0.
        d_model: The width of the residual stream.
        pre_norm: Pre-LN if true, else Post-LN.
        """
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """Go through all blocks, each sublayer called once.

        Args:
            x: (B, T, d_model), of the dtype of the parameters.

        Returns:
            (B, T, d_model). Gradients flow to x and to all parameters.
        """
        raise NotImplementedError

    def gradient_norms(self, x: Tensor, grad: Tensor) -> Tensor:
        """Measure the gradient that arrives at the residual stream before each block.

        Args:
            x: As for forward. May require gradients or not.
            grad: (B, T, d_model), the gradient of a loss by the result.

        Returns:
            (L,): for h_0 .. h_(L-1), the norm of the gradient of sum(result * grad), the
            root of the sum of squares over all B * T * d_model numbers. Same dtype as x, and
            requires no gradient itself.

            Nothing else changes: the .grad of parameters, of x and of grad stay as they
            are, None or not, and x requires gradients afterwards only if it did before.
        """
        raise NotImplementedError
