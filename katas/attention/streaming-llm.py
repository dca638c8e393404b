"""StreamingLLM: attention sinks and a rolling cache."""

import torch
from torch import Tensor


def streaming_step(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    cache: tuple[Tensor, Tensor] | None = None,
    *,
    n_sink: int,
    window: int,
    theta: float = 10000.0,
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """Attend from one new token to the first tokens of a stream and to its latest ones.

    The cache holds the first n_sink tokens of the stream, for ever, and the last `window`
    tokens, the new one among them. Until there are more than n_sink + window tokens it
    holds all of them. So first add the new token; if that makes one too many, drop the
    oldest token that is no sink; then attend to all that is left, the new token included.

    Positions are places in the cache, not in the stream: the token in slot i has position
    i, for RoPE, at this step. A kept token's slot changes when an older one is dropped, so
    keys are cached as they came, before RoPE, and turned anew at each step. The query has
    the position of the new token, the last slot.

    With n_sink = 4 and window = 3, token 9 sees tokens 0 1 2 3 7 8 9 at positions
    0 1 2 3 4 5 6.

    RoPE is half-split: channel i goes with channel i + D/2, for i = 0 .. D/2 - 1, and at
    position p turns by a = p * theta^(-2i/D):

        out[i]       = x[i] * cos(a) - x[i + D/2] * sin(a)
        out[i + D/2] = x[i] * sin(a) + x[i + D/2] * cos(a)

    Scores are scaled by 1/sqrt(D).

    Args:
        q: (B, H, D), any floating dtype, before RoPE. D is even.
        k: (B, H, D), dtype of q, before RoPE.
        v: (B, H, D_v), dtype of q. D_v may differ from D.
        cache: What the call for the token before returned, with the same n_sink and
            window; None for the first token.
        n_sink: How many sinks, at least 0.
        window: How many of the latest tokens, at least 1.
        theta: Base of RoPE's frequencies.

    Returns:
        out: (B, H, D_v), dtype and device of q. Computed in float32, or in float64 if q is
            float64, and rounded once at the end; RoPE's angles may be float32 always.
        cache: A tuple (keys, values) for the next call, both dtype of q and exactly as they
            came: (B, H, n, D) before RoPE, and (B, H, n, D_v), with the kept tokens in the
            order of the stream, n <= n_sink + window. They may share memory with k, v and
            the cache before.
        Gradients flow to q, k, v and through the cache. All tensors may be non-contiguous.

    Raises:
        ValueError: n_sink is less than 0, or window is less than 1.

    Not allowed:
        Changing q, k, v or cache in place: one cache may serve two continuations.
        Keeping anything of a call for later calls, except in the cache it returns.

    Source:
        Xiao et al. 2023, "Efficient Streaming Language Models with Attention Sinks",
        section 3.2, https://arxiv.org/abs/2309.17453
    """
    raise NotImplementedError
