"""Gated linear attention."""

import torch
from torch import Tensor


def gla_recurrent(
    q: Tensor, k: Tensor, v: Tensor, g: Tensor, *, state: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Run linear attention whose state forgets, each key channel at its own pace.

    Token t first lets the state S fade, then writes itself in, then reads:

        S_t   = exp(g_t)[:, None] * S_{t-1} + k_t v_t^T
        out_t = S_t^T q_t / sqrt(D)

    The gate exp(g_t) is for the D rows of S. A token's own key and value are not faded at
    its own step. There is no feature map and no normaliser.

    Args:
        q: (B, H, T, D), any floating dtype, contiguous or not, T >= 1.
        k: (B, H, T, D), dtype of q.
        v: (B, H, T, D_v), dtype of q. D_v may differ from D.
        g: (B, H, T, D), dtype of q: the natural logarithm of each gate, finite and at most
            0. May be as low as -200 at every token: a gate that is shut.
        state: (B, H, D, D_v), S before the first token; None means zeros.

    Returns:
        A tuple (out, state):
        out: (B, H, T, D_v), dtype and device of q.
        state: (B, H, D, D_v), S after the last token: float64 if q is float64, else float32.
        Computed in float32, or in float64 if q is float64; out is rounded once at the end.
        Gradients flow to q, k, v, g and a given state, through both results. Values and
        gradients are finite, whatever g.

    Not allowed:
        Changing q, k, v, g or state in place.

    Source:
        Yang et al. 2023, "Gated Linear Attention Transformers with Hardware-Efficient
        Training", sections 3 and 4, https://arxiv.org/abs/2312.06635, with the scale of its
        library, flash-linear-attention
    """
    raise NotImplementedError


def gla_chunked(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    g: Tensor,
    *,
    chunk_size: int,
    state: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Compute the same chunk by chunk, from the state before each.

    With b_i the sum of g over the tokens of a chunk up to and including i, what key j has
    left for query i >= j of the same chunk is k_j * exp(b_i - b_j), channel by channel. Do
    not split this into exp(b_i) * exp(-b_j): in a chunk of 16 tokens with gates of
    exp(-60), the second factor would be exp(960).

    Args:
        q, k, v, g, state: As for gla_recurrent.
        chunk_size: Tokens in a chunk, at least 1. Need not divide T, and may exceed it.

    Returns:
        As for gla_recurrent.

    Memory:
        With D_v equal to D, chunk_size at most D / 2, and chunk_size * D at most T / 2, no
        new tensor has as many as B * H * T * T or B * H * T * D * D_v elements: there is no
        score for each pair of tokens, and no state for each token. Within a chunk, a tensor
        may have a value for each pair and channel.

    Raises:
        ValueError: chunk_size is less than 1.

    Not allowed:
        Changing q, k, v, g or state in place.
    """
    raise NotImplementedError
