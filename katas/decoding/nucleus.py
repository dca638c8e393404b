"""Nucleus (top-p) sampling."""

import torch
from torch import Tensor


def nucleus_sample(
    logits: Tensor, p: float, *, temperature: float = 1.0, generator: torch.Generator
) -> Tensor:
    """Draw one token per row from the fewest likeliest tokens that hold probability p.

    The probabilities are softmax(logits / temperature). Rank each row's tokens from the
    likeliest down; of equal logits the lower index comes first. The nucleus is the
    shortest start of this ranking whose probabilities sum to p or more: the token that
    crosses p belongs to it, so it is never empty. The token is drawn from the nucleus,
    with the probabilities there divided by their sum.

    With probabilities 0.5, 0.3, 0.15, 0.05 and p = 0.7, the nucleus is the first two,
    drawn with probabilities 0.625 and 0.375. p = 1 keeps every token whose logit is not
    -inf. Rounding: a sum within 1e-5 of p may count as below p or as p.

    Rows are independent: each has its own nucleus and makes its own draw. How you draw
    is your choice: tests look at the distribution of the tokens.

    Args:
        logits: (B, V), any floating dtype. Finite or -inf, with at least one finite
            logit in each row. A logit of -inf is never drawn.
        p: Probability to keep, 0 < p <= 1.
        temperature: Greater than 0.
        generator: The only source of randomness. The same state of it gives the same
            tokens; each call moves it on.

    Returns:
        (B,) int64, indices into V. Probabilities are computed in at least float32; float64
        logits may be rounded to float32 first.

    Raises:
        ValueError: p is not in (0, 1], or temperature is not greater than 0.

    Not allowed:
        Changing logits in place. Seeding the generator, or setting its state. Using or
        seeding torch's global generator.

    Source:
        Holtzman et al. 2019, "The Curious Case of Neural Text Degeneration",
        https://arxiv.org/abs/1904.09751
    """
    raise NotImplementedError
