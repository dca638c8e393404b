"""DAPO: clip-higher, token-level loss, dynamic sampling."""

from collections.abc import Iterable

import torch
from torch import Tensor


def overlong_penalty(lengths: Tensor, *, max_length: int, cache: int) -> Tensor:
    """Soft overlong punishment, added to the reward.

    0 up to max_length - cache tokens, then falling linearly to -1 at max_length tokens,
    and -1 beyond.

    Args:
        lengths: (B,) int64, the number of tokens of each response.
        max_length: Where the penalty has reached -1.
        cache: Over how many tokens it falls.

    Returns:
        (B,) float32, on the device of lengths.

    Raises:
        ValueError: cache is below 1 or above max_length.

    Not allowed:
        Changing an argument in place.
    """
    raise NotImplementedError


def dynamic_sampling(groups: Iterable[Tensor], size: int) -> list[int]:
    """Draw groups of responses until enough of them teach something.

    Each item of groups tells of one prompt which of its responses are right. A group is
    kept if at least one is right and at least one is wrong: otherwise all advantages in it
    are 0. Drawing is what costs, since the responses are generated then: no group is drawn
    once size are kept.

    Args:
        groups: Of (G,) bool tensors, G >= 1, drawn one after the other, once. May be
            endless.
        size: How many groups to keep, 0 or more.

    Returns:
        The positions of the kept groups among all that were drawn, from 0, in order.

    Raises:
        ValueError: groups ends before size are kept.

    Not allowed:
        Changing an argument in place.
    """
    raise NotImplementedError


def dapo_loss(
    log_prob: Tensor,
    old_log_prob: Tensor,
    advantages: Tensor,
    response_mask: Tensor,
    *,
    clip_low: float = 0.2,
    clip_high: float = 0.28,
) -> Tensor:
    """The clipped policy loss with a range of its own upwards, and one mean over tokens.

    For each token, with A its response's advantage and ratio = exp(log_prob -
    old_log_prob), the loss is

        -min(ratio * A, clip(ratio, 1 - clip_low, 1 + clip_high) * A)

    and the loss of the batch is the mean over all response tokens of all responses: their
    sum divided by their number. There is no KL penalty.

    Args:
        log_prob: (B, T), any floating dtype, of each sampled token under the policy.
        old_log_prob: (B, T), same dtype, under the policy that sampled it.
        advantages: (B,), same dtype, one for each response.
        response_mask: (B, T) bool. True on response tokens, which need not be contiguous.
        clip_low, clip_high: How far a ratio may fall below and rise above 1.

    Returns:
        Scalar on the device of log_prob; float32, or float64 for float64 log_prob; computed
        in no less. Only log_prob gets a gradient: the other tensors are constants, even if
        they require one or are log_prob itself. What stands where response_mask is false,
        even inf or NaN, changes neither the loss nor the gradient, which is 0 there. In a
        batch without response tokens the loss is 0, and backward gives gradients of 0.

    Not allowed:
        Changing an argument in place.

    Source:
        Yu et al. 2025, "DAPO: An Open-Source LLM Reinforcement Learning System at Scale",
        equations 8, 11 and 13, https://arxiv.org/abs/2503.14476. The paper writes the loss
        for one prompt; here, as in its code, the mean is over the tokens of all.
    """
    raise NotImplementedError
