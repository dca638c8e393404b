"""Speculative decoding, exact in distribution."""

import torch
from torch import Tensor


def verify_drafts(p: Tensor, q: Tensor, drafts: Tensor, *, generator: torch.Generator) -> Tensor:
    """Accept or replace the tokens that a draft model proposed, so that the target decides.

    A small model drew K tokens one after the other, drafts[:, i] from q[:, i]. The target
    model has scored all K + 1 places in one pass: p[:, i] are its probabilities for place
    i, given that the drafts before i are right. In each row, from place 0 on:

    - Accept the draft x at place i with probability min(1, p_i(x) / q_i(x)), and go on.
    - At the first draft that is not accepted, draw the token of this place from
      max(p_i - q_i, 0), divided by its sum. The row ends here.
    - If all K are accepted, draw one more token from p_K, the last place.

    Then each token is distributed as if it had been drawn from p directly, whatever q is:
    the draft model decides how many come at once, and nothing else. Each row gives 1 to
    K + 1 tokens.

    Rows and places make draws of their own. How you draw is your choice: tests look at the
    joint distribution of the tokens.

    Args:
        p: (B, K + 1, V) probabilities of the target, float32 or float64. Each sums to 1 but
            for rounding, and may hold zeros.
        q: (B, K, V) probabilities of the draft model, likewise, dtype of p. K may be 0.
        drafts: (B, K) int64. Their probability in q is above 0; in p it may be 0.
        generator: The only source of randomness, on the device of p, q and drafts. The same
            state of it gives the same tokens; each call moves it on.

    Returns:
        (B, K + 1) int64 on the device of p: for each row its accepted drafts and the token
        drawn after them, then -1 up to the end.

    Raises:
        ValueError: p has not one place more than q.

    Not allowed:
        Changing p, q or drafts in place. Seeding the generator, or setting its state. Using
        or seeding torch's global generator.

    Source:
        Leviathan et al. 2022, "Fast Inference from Transformers via Speculative Decoding",
        algorithm 1, https://arxiv.org/abs/2211.17192
    """
    raise NotImplementedError
