"""Multi-head latent attention (MLA)."""

import torch
from torch import Tensor, nn


class MultiHeadLatentAttention(nn.Module):
    """Causal self-attention that caches one small latent and one small key per token.

    Submodules, each with one parameter named weight and no bias, d_qk = d_nope + d_rope:

        q_a_proj            (q_lora_rank, d_model)
        q_a_layernorm       (q_lora_rank,)
        q_b_proj            (n_heads * d_qk, q_lora_rank)
        kv_a_proj_with_mqa  (kv_lora_rank + d_rope, d_model)
        kv_a_layernorm      (kv_lora_rank,)
        kv_b_proj           (n_heads * (d_nope + d_v), kv_lora_rank)
        o_proj              (d_model, n_heads * d_v)

    The two norms are RMSNorms, x / sqrt(mean(x^2) + eps) * weight; the rest are linear,
    x @ weight^T. There are no other parameters. Names and layout are those of DeepSeek-V2
    in transformers. Weights are loaded into the module and it may be moved with .double()
    or .bfloat16(), so how the weights start does not matter.

    Queries: q_b_proj(q_a_layernorm(q_a_proj(x))). Head h owns the d_qk channels from
    h * d_qk on: first d_nope without position, then d_rope that RoPE turns.

    Keys and values: of kv_a_proj_with_mqa(x), the first kv_lora_rank channels are the
    latent and the last d_rope are the rope key, shared by all heads. kv_a_layernorm takes
    the latent alone. Of kv_b_proj(latent), head h owns the d_nope + d_v channels from
    h * (d_nope + d_v) on: first key, then value. A head's whole key is its d_nope
    channels and the shared rope key, turned by RoPE.

    RoPE turns NEIGHBOURING channels, 2i with 2i + 1, and leaves each in its place (no
    halves, no permutation). At position p, pair i turns by a = p * theta^(-2i/d_rope):

        out[2i]     = x[2i] * cos(a) - x[2i + 1] * sin(a)
        out[2i + 1] = x[2i] * sin(a) + x[2i + 1] * cos(a)

    Scores are scaled by 1/sqrt(d_nope + d_rope). The heads' outputs, concatenated in order
    of heads, go through o_proj. RoPE's frequencies and angles, the norms and the softmax
    are computed in at least float32, though .bfloat16() converts parameters and buffers.
    scaled_dot_product_attention and nn.RMSNorm are allowed.

    Not allowed:
        Changing x or cache in place.
        Keeping anything of a call for later calls, except in the cache it returns.

    Source:
        DeepSeek-AI 2024, "DeepSeek-V2", section 2.1, appendix C, and 3.1.2 for the norms,
        https://arxiv.org/abs/2405.04434
    """

    def __init__(
        self,
        d_model: int,
        n_heads: int,
        q_lora_rank: int,
        kv_lora_rank: int,
        d_nope: int,
        d_rope: int,
        d_v: int,
        *,
        theta: float = 10000.0,
        eps: float = 1e-6,
    ) -> None:
        """Make the parameters. No size need divide another; d_rope is even.

        Args:
            d_model: Width of x and of the output.
            n_heads: Number of heads, H.
            q_lora_rank, kv_lora_rank: Widths of the two latents.
            d_nope, d_rope, d_v: Widths per head.
            theta: Base of RoPE's frequencies.
            eps: Of both RMSNorms.

        Raises:
            ValueError: d_rope is odd.
        """
        raise NotImplementedError

    def forward(
        self, x: Tensor, cache: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Attend from T new tokens to the T_cached before them and causally to themselves.

        New token i has position T_cached + i and sees all positions up to its own. So a
        text fed in pieces of any length, each with the cache returned for the piece before,
        gives what the whole text gives at once.

        Args:
            x: (B, T, d_model), dtype of the parameters.
            cache: What an earlier call returned, or None: no tokens before, T_cached = 0.

        Returns:
            out: (B, T, d_model), dtype and device of x.
            cache: A tuple (latent, k_rope) for all T_cached + T tokens, like x in both:
                latent: (B, T_cached + T, kv_lora_rank), after kv_a_layernorm.
                k_rope: (B, T_cached + T, d_rope), after RoPE at the token's position.
            Gradients flow to x and all parameters, also through the cache.
        """
        raise NotImplementedError
