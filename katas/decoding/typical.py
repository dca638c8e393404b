"""Locally typical sampling."""

import torch
from torch import Tensor


def typical_sample(
    logits: Tensor, mass: float, *, temperature: float = 1.0, generator: torch.Generator
) -> Tensor:
    """Draw one token per row from those whose surprise is nearest to the expected surprise.

    The probabilities are p = softmax(logits / temperature). The surprise of a token is
    -log p, natural logarithm; its expected value, the sum over tokens of p * -log p, is
    the entropy H of the row. A token of probability 0 adds nothing to H.

    Rank each row's tokens by |-log p - H|, the smallest first; of equal logits the lower
    index comes first. The typical set is the shortest start of this ranking whose
    probabilities sum to mass or more: the token that crosses mass belongs to it. The token
    is drawn from this set, with the probabilities there divided by their sum. So the
    likeliest token may be cut, if it is too predictable.

    With probabilities 0.5, 0.3, 0.1, 0.1 the surprises are 0.69, 1.20, 2.30, 2.30 and
    H = 1.17. The ranking is 1, 0, 2, 3: mass = 0.2 keeps only token 1, and mass = 0.5 keeps
    tokens 1 and 0. mass = 1 keeps every token whose logit is not -inf. Rounding: below 1, a
    sum within 1e-5 of mass may count as below it or as reaching it, and of unequal logits
    with |-log p - H| within 1e-4 of each other either may come first.

    Rows are independent, and each makes its own draw. How you draw is your choice: tests
    look at the distribution of the tokens.

    Args:
        logits: (B, V), any floating dtype. Finite or -inf, with at least one finite
            logit in each row. A logit of -inf is never drawn.
        mass: Probability to keep, 0 < mass <= 1.
        temperature: Greater than 0.
        generator: The only source of randomness. The same state of it gives the same
            tokens; each call moves it on.

    Returns:
        (B,) int64, indices into V. All is computed in at least float32; float64 logits
        may be rounded to float32 first.

    Raises:
        ValueError: mass is not in (0, 1], or temperature is not greater than 0.

    Not allowed:
        Changing logits in place. Seeding the generator, or setting its state. Using or
        seeding torch's global generator.

    Source:
        Meister et al. 2022, "Locally Typical Sampling", https://arxiv.org/abs/2202.00666
    """
    raise NotImplementedError
