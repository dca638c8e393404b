"""Greedy decoding."""

from collections.abc import Callable

import torch
from torch import Tensor


def greedy_decode(
    model: Callable[[Tensor], Tensor],
    prompt: Tensor,
    *,
    max_new_tokens: int,
    eos: int | None = None,
    pad: int = 0,
) -> Tensor:
    """Append the likeliest token to each row, step by step, until every row has ended.

    In each step model is called once, with the whole sequences so far, and each row gets
    the token with the largest logit at its last position; of equal logits, the one with
    the lower index. A row ends when it gets eos, which is kept. From then on it gets pad,
    whatever the model says, until the other rows have ended, too.

    The steps stop when max_new_tokens have been made, or when all rows have ended: the
    model is not called again then, and no column of pad is appended. An eos that stands
    in the prompt ends nothing.

    A row that has ended may be given to the model or left out. No graph is built for
    gradients: the model runs with gradients switched off. They are as before on return.

    Args:
        model: (N, L) int64 to logits (N, L, V), any floating dtype, finite or -inf, with at
            least one finite logit at each position. The logits at position i tell token
            i + 1. Rows do not depend on each other.
        prompt: (B, T) int64, B and T at least 1. All prompts have T tokens, none is padding.
        max_new_tokens: The most tokens to append to each row, not counting the prompt.
        eos: The token that ends a row, any from 0 to V - 1; None if no token does.
        pad: What a row gets once it has ended. It may equal eos.

    Returns:
        (B, T + n) int64 on the device of prompt, the prompt first; n is the number of steps
        made. With max_new_tokens = 0 the prompt itself, and the model is not called.

    Raises:
        ValueError: max_new_tokens is below 0.

    Not allowed:
        Changing prompt in place.

    Source:
        Holtzman et al. 2019, "The Curious Case of Neural Text Degeneration",
        https://arxiv.org/abs/1904.09751, on what is wrong with text found by maximisation.
    """
    raise NotImplementedError
