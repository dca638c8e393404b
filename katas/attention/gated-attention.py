"""Output-gated softmax attention."""

import torch
from torch import Tensor, nn


class GatedAttention(nn.Module):
    """Causal grouped-query attention whose heads' outputs go through a sigmoid gate.

    Submodules, each with one parameter named weight and no bias, applied as x @ weight^T,
    with H = n_heads, G = n_kv_heads and D = head_dim:

        q_proj  (H * 2 * D, d_model)
        k_proj  (G * D, d_model)
        v_proj  (G * D, d_model)
        o_proj  (d_model, H * D)

    There are no other parameters. Names and layout are those of Qwen3-Next in
    transformers, without its norms and RoPE. Weights are loaded into the module and it may
    be moved with .double() or .bfloat16(), so how the weights start does not matter.

    Of q_proj(x), head h owns the 2 * D channels from h * 2 * D on: first D for its query,
    then D for its gate. Of k_proj(x) and v_proj(x), KV head g owns the D channels from
    g * D on. Query head h reads KV head h // (H // G), causally, with scores scaled by
    1/sqrt(D). Then each channel of the head's output is multiplied by the sigmoid of the
    same channel of the head's gate, for the same token. The gated outputs, concatenated
    in order of heads, go through o_proj.

    scaled_dot_product_attention is allowed.

    Not allowed:
        Changing x in place.
        Keeping anything of a call for later calls.

    Source:
        Qiu et al. 2025, "Gated Attention for Large Language Models", the gate of position
        G1 for each channel of each head, https://arxiv.org/abs/2505.06708
    """

    def __init__(self, d_model: int, n_heads: int, n_kv_heads: int, head_dim: int) -> None:
        """Make the parameters.

        Args:
            d_model: Width of x and of the output. H * D need not be as wide.
            n_heads, n_kv_heads: Numbers of query heads and of KV heads.
            head_dim: Width of a head.

        Raises:
            ValueError: n_heads is not a multiple of n_kv_heads.
        """
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """Attend within each sequence; token i sees tokens j <= i.

        Args:
            x: (B, T, d_model), dtype of the parameters, T >= 1, contiguous or not.

        Returns:
            (B, T, d_model), dtype and device of x. Scores, weights and the rest may have
            the dtype of x; only inside the softmax, exponentials are added up in at least
            float32, as torch's softmax and attention do. Gradients flow to x and all
            parameters.
        """
        raise NotImplementedError
