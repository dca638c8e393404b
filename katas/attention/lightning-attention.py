"""Lightning attention: intra- and inter-block."""

import torch
from torch import Tensor


def lightning_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    slope: Tensor,
    *,
    block_size: int = 256,
    state: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Compute causal linear attention in which each head forgets at a fixed rate.

    Head h lets its state S fade by exp(-slope[h]) at each token, then adds the token, then
    reads:

        S_t   = exp(-slope[h]) * S_{t-1} + k_t v_t^T
        out_t = S_t^T q_t

    So token i reads token j <= i with the weight (q_i . k_j) * exp(-slope[h] * (i - j)),
    itself unfaded. There is no scale, no feature map, no normaliser.

    Work block by block: within a block by the small matrix of weights, from the left,
    (q k^T * fade) v; for all tokens before the block by the state, from the right, q S.

    Args:
        q: (B, H, T, D), any floating dtype, contiguous or not, T >= 1.
        k: (B, H, T, D), dtype of q.
        v: (B, H, T, D_v), dtype of q. D_v may differ from D.
        slope: (H,), float32 or float64. From 0, which forgets nothing, to 20.
        block_size: Tokens in a block, at least 1. Need not divide T, and may exceed it.
        state: (B, H, D, D_v), S before the first token; None means zeros.

    Returns:
        A tuple (out, state):
        out: (B, H, T, D_v), dtype and device of q.
        state: (B, H, D, D_v), S after the last token: float64 if q is float64, else float32.
        Computed in float32, or in float64 if q is float64; out is rounded once at the end.
        Gradients flow to q, k, v and a given state, through both results. A text fed in
        pieces, each with the state after the piece before, gives what it gives at once.

    Memory and work:
        Both grow with T, not with T * T. When block_size is small against T, no new tensor
        has as many as B * H * T * T or B * H * T * D * D_v elements.

    Raises:
        ValueError: block_size is less than 1.

    Not allowed:
        Changing q, k, v, slope or state in place.

    Source:
        Qin et al. 2024, "Various Lengths, Constant Speed: Efficient Language Modeling with
        Lightning Attention", section 3, https://arxiv.org/abs/2405.17381; also in MiniMax-01,
        https://arxiv.org/abs/2501.08313. Norm, gates and activations of both are left out.
    """
    raise NotImplementedError
