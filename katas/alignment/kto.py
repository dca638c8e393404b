"""KTO loss."""

import torch
from torch import Tensor


def mismatched(completions: list[list[int]]) -> list[list[int]]:
    """The completion that each prompt of a batch is paired with for the reference point.

    Prompt i gets the completion of prompt i + 1, the last prompt that of the first.

    Args:
        completions: One list of token ids for each prompt, at least two.

    Returns:
        A new list of as many completions.

    Raises:
        ValueError: there are fewer than two completions: none would be mismatched.

    Not allowed:
        Changing an argument in place.
    """
    raise NotImplementedError


def kto_loss(
    log_prob: Tensor,
    ref_log_prob: Tensor,
    kl_log_prob: Tensor,
    ref_kl_log_prob: Tensor,
    desirable: Tensor,
    *,
    beta: float = 0.1,
    desirable_weight: float = 1.0,
    undesirable_weight: float = 1.0,
) -> tuple[Tensor, Tensor, Tensor]:
    """Learn from single responses that are marked good or bad, without pairs.

    With r = log_prob - ref_log_prob of a response and sigma the sigmoid, its loss is

        desirable_weight * (1 - sigma(beta * (r - kl)))      if it is desirable
        undesirable_weight * (1 - sigma(beta * (kl - r)))    if it is not

    The reference point kl is one number for the batch: the mean of kl_log_prob -
    ref_kl_log_prob over all B mismatched pairs, and 0 if that mean is negative. It is a
    constant: no gradient flows through it.

    Args:
        log_prob: (B,), B >= 1, float32 or float64. The policy's log-probability of each
            prompt's own response, summed over its tokens.
        ref_log_prob: (B,), same dtype. The reference model's.
        kl_log_prob: (B,), same dtype. The policy's log-probability of each prompt's
            mismatched response.
        ref_kl_log_prob: (B,), same dtype. The reference model's.
        desirable: (B,) bool. May be all true or all false.
        beta: Strength of the pull towards the reference.
        desirable_weight, undesirable_weight: Make up for classes of different size.

    Returns:
        (loss, kl, rewards), on the device of log_prob, in its dtype. loss: scalar, the mean
        over all B responses; only log_prob gets a gradient, the other tensors are constants
        even if they require one. kl: scalar, the reference point. rewards: (B,), beta * r,
        for logging. kl and rewards carry no gradient.

    Raises:
        ValueError: beta is not positive.

    Not allowed:
        Changing an argument in place.

    Source:
        Ethayarajh et al. 2024, "KTO: Model Alignment as Prospect Theoretic Optimization",
        equations 7 and 8, https://arxiv.org/abs/2402.01306
    """
    raise NotImplementedError
