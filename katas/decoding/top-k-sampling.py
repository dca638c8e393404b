"""Temperature and top-k sampling."""

import torch
from torch import Tensor


def top_k_sample(
    logits: Tensor, k: int, *, temperature: float = 1.0, generator: torch.Generator
) -> Tensor:
    """Draw one token per row from its k likeliest tokens.

    Rank each row's tokens from the largest logit down; of equal logits the lower index
    comes first. The first k are kept, exactly k: a tie at the edge is cut. Of these, token
    i is drawn with probability proportional to exp(logits[i] / temperature).

    With logits log 4, log 2, log 1, log 1 and k = 2, the first two are drawn with
    probabilities 2/3 and 1/3 at temperature 1, and 4/5 and 1/5 at temperature 0.5. A k of V
    or more keeps every token; k = 1 always gives the likeliest.

    Rows are independent, and each makes its own draw. How you draw is your choice: tests
    look at the distribution of the tokens.

    Args:
        logits: (B, V), any floating dtype. Finite or -inf, with at least one finite
            logit in each row. A logit of -inf is never drawn, even if it is among the k.
        k: Tokens to keep, at least 1; may be above V.
        temperature: Greater than 0.
        generator: The only source of randomness. The same state of it gives the same
            tokens; each call moves it on.

    Returns:
        (B,) int64, indices into V. Probabilities are computed in at least float32.

    Raises:
        ValueError: k is below 1, or temperature is not greater than 0.

    Not allowed:
        Changing logits in place. Seeding the generator, or setting its state. Using or
        seeding torch's global generator.

    Source:
        Fan et al. 2018, "Hierarchical Neural Story Generation",
        https://arxiv.org/abs/1805.04833
    """
    raise NotImplementedError
