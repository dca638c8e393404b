"""Multi-head latent attention (MLA)."""

import torch
from torch import Tensor, nn


class MultiHeadLatentAttention(nn.Module):
    """Causal self-attention that caches one small latent and one small key per token.

    With d_qk = d_nope + d_rope, the submodules and the shapes of their weights are

        q_a_proj            (q_lora_rank, d_model)
        q_a_layernorm       (q_lora_rank,)
        q_b_proj            (n_heads * d_qk, q_lora_rank)
        kv_a_proj_with_mqa  (kv_lora_rank + d_rope, d_model)
        kv_a_layernorm      (kv_lora_rank,)
        kv_b_proj           (n_heads * (d_nope + d_v), kv_lora_rank)
        o_proj              (d_model, n_heads * d_v)

    Each has one parameter, named weight, and no bias: linear maps x @ weight^T, and RMSNorms
    x / sqrt(mean(x^2) + eps) * weight. Names and layout are those of DeepSeek-V2 in
    transformers. There are no other parameters. Tests load their own weights, so how
    yours start does not matter. Tests may call .double() or .bfloat16() on the module.

    Queries: q_b_proj(q_a_layernorm(q_a_proj(x))). Head h owns the d_qk channels from
    h * d_qk on: first d_nope without a position, then d_rope that RoPE turns.

    Keys and values: kv_a_proj_with_mqa(x) gives kv_lora_rank channels of latent, then
    d_rope channels of a rope key, one for all heads. kv_a_layernorm takes the latent
    alone. Of kv_b_proj(latent), head h owns the d_nope + d_v channels from
    h * (d_nope + d_v) on: first its key, then its value. A head's whole key is
    its d_nope channels followed by the shared rope key.

    RoPE turns NEIGHBOURING channels, 2i with 2i + 1, and leaves them in their places.
    At position p, pair i = 0 .. d_rope/2 - 1 turns by a = p * theta^(-2i/d_rope):

        out[2i]     = x[2i] * cos(a) - x[2i + 1] * sin(a)
        out[2i + 1] = x[2i] * sin(a) + x[2i + 1] * cos(a)

    Scores are scaled by 1/sqrt(d_nope + d_rope). The heads' outputs, concatenated in
    order, go through o_proj.

    Angles, cosines, sines and the softmax are computed in at least float32.

    Allowed:
        nn.Linear, nn.RMSNorm and scaled_dot_product_attention. Absorbing kv_b_proj into
        the queries and outputs, or not.

    Not allowed:
        Changing x or cache in place, or state that outlives a call other than parameters
        and constants.

    Source:
        DeepSeek-AI 2024, "DeepSeek-V2", section 2.1 and appendix C,
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
        """Make the parameters.

        Args:
            d_model: Width of x and of the output.
            n_heads: H. No size here need divide another.
            q_lora_rank, kv_lora_rank: Widths of the latents.
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
        """Attend from the T new tokens to the T_cached tokens before them and to themselves.

        New token i has position T_cached + i and sees positions up to its own, so a text
        fed in pieces, each with the cache of the last, gives the same as the whole at once.
        There is no longest text.

        Args:
            x: (B, T, d_model), T >= 1, dtype of the parameters.
            cache: What an earlier call returned; None is an empty cache, T_cached = 0.

        Returns:
            out: (B, T, d_model), dtype of x.
            cache: (latent, k_rope) of all T_cached + T tokens, dtype of x:
                latent: (B, T_cached + T, kv_lora_rank), after kv_a_layernorm.
                k_rope: (B, T_cached + T, d_rope), after RoPE at each token's position.
            Gradients flow to x, to all parameters, and through the cache.
        """
        raise NotImplementedError
