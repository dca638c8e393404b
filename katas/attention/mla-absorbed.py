"""MLA decoding with absorbed weights."""

import torch
from torch import Tensor


def absorbed_mla(
    q: Tensor,
    latent: Tensor,
    k_rope: Tensor,
    w_kv_b: Tensor,
    w_o: Tensor,
    *,
    theta: float = 10000.0,
) -> Tensor:
    """Attend to cached latents as they are, without a key or value per head.

    What it computes is the attention of multi-head latent attention, from the queries to
    the output. Plainly written, it expands each cached latent c by w_kv_b, for head h to a
    key W_UK c of d_nope channels and a value W_UV c of d_v channels:

        score = (q_nope . W_UK c  +  rope(q_rope) . k_rope) / sqrt(d_nope + d_rope)
        head  = sum over tokens of softmax(score) * W_UV c
        out   = concat(head_0, head_1, ...) @ w_o^T

    Here W_UK goes to the query's side, once for each new token, and W_UV to the output's:
    to the cache, all heads are queries of one attention over the latents.

    The T queries are those of the last T of the S cached tokens. Query i has position
    S - T + i and sees all positions up to its own.

    RoPE turns NEIGHBOURING channels, 2i with 2i + 1, and leaves each in its place (no
    halves). At position p, pair i turns by a = p * theta^(-2i/d_rope):

        out[2i]     = x[2i] * cos(a) - x[2i + 1] * sin(a)
        out[2i + 1] = x[2i] * sin(a) + x[2i + 1] * cos(a)

    Args:
        q: (B, T, H, d_nope + d_rope), any floating dtype, T >= 1. Of each head the first
            d_nope channels have no position; RoPE has yet to turn the last d_rope.
        latent: (B, S, R), dtype of q, S >= T: the cache, new tokens included.
        k_rope: (B, S, d_rope), dtype of q, d_rope even: the keys that all heads share,
            each turned by RoPE already.
        w_kv_b: (H * (d_nope + d_v), R), dtype of q. Head h owns the d_nope + d_v rows from
            h * (d_nope + d_v) on: W_UK, then W_UV. No size need divide another.
        w_o: (d_model, H * d_v), dtype of q.
        theta: Base of RoPE's frequencies.

    Returns:
        (B, T, d_model), dtype and device of q. Computed in float32, or in float64 if q is
        float64, and rounded once at the end; RoPE's angles may be float32 always. Gradients
        flow to all five tensors, which may be non-contiguous.

    Memory:
        No new tensor has more elements than the largest of the arguments, the result, the
        scores (B, H, T, S), latent and k_rope side by side, the heads' outputs
        (B, T, H, d_v), and (B, T + d_model, H, R). So no key, value or latent is repeated
        for each head, not even within a product: one that broadcasts latent over the heads,
        latent[:, None] @ x, copies it first.

    Not allowed:
        scaled_dot_product_attention or flex_attention, which have attention built in.
        Changing an argument in place.

    Source:
        DeepSeek-AI 2024, "DeepSeek-V2", section 2.1.2 for absorption, 2.1.3 for the
        decoupled RoPE, https://arxiv.org/abs/2405.04434
    """
    raise NotImplementedError
