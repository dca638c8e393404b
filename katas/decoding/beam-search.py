"""Beam search with length penalty."""

from collections.abc import Callable

import torch
from torch import Tensor


def beam_search(
    model: Callable[[Tensor], Tensor],
    prompt: Tensor,
    *,
    beams: int,
    max_new_tokens: int,
    eos: int | None = None,
    length_penalty: float = 1.0,
) -> tuple[Tensor, float]:
    """Search for a likely continuation of one prompt, keeping `beams` hypotheses alive.

    The total of a hypothesis is the sum of the log-probabilities of its new tokens, those
    of softmax(logits). At first the prompt alone is alive, with total 0. In each step,
    1, 2, ..., max_new_tokens:

    1. Extend each live hypothesis by each of the V tokens, and rank all these extensions
       together by total, the highest first. The length penalty plays no part here.
    2. An extension by eos that is among the first `beams` of this ranking is finished: it
       is kept as a result. One that ranks lower is dropped.
    3. The first `beams` extensions by other tokens are the next live hypotheses, or all if
       there are fewer. So those that finish take no place from those that live.

    In the last step nothing lives on: the first `beams` of the ranking are all finished,
    whatever their last token. The result is the finished hypothesis, of any step, with the
    highest score = total / n ** length_penalty. n counts its new tokens, eos included.

    You may stop before max_new_tokens only if no live hypothesis can win any more. Ties may
    go either way, and extensions with a total of -inf may be dropped or kept: none can win.
    An eos in the prompt ends nothing. No graph is built for gradients: the model runs with
    gradients switched off. They are as before on return.

    Args:
        model: (N, L) int64 on the device of prompt to logits (N, L, V) there, V at least 2,
            any floating dtype, finite or -inf, with at least one finite logit at each
            position. The logits at position i tell token i + 1. Rows do not depend on each
            other. Call it once per step, with at most `beams` rows.
        prompt: (T,) int64, T at least 1.
        beams: Hypotheses to keep, at least 1; may be above V.
        max_new_tokens: The most new tokens, at least 1.
        eos: The token that finishes a hypothesis; None if no token does.
        length_penalty: 0 ranks results by total, 1 by the mean log-probability. It may be
            negative; max_new_tokens ** length_penalty neither overflows nor vanishes.

    Returns:
        (tokens, score): (T + n,) int64 on the device of prompt, the prompt first and an eos
        that finished it last; and its score, a Python float. Log-probabilities and totals
        are computed in the dtype of the logits, in float32 at least.

    Raises:
        ValueError: beams or max_new_tokens is below 1. The model is not called then.

    Not allowed:
        Changing prompt in place.

    Source:
        Sutskever et al. 2014, "Sequence to Sequence Learning with Neural Networks",
        section 3.2, https://arxiv.org/abs/1409.3215; penalty and places as in transformers.
    """
    raise NotImplementedError
