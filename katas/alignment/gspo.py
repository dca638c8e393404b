"""GSPO: sequence-level ratio."""

import torch
from torch import Tensor


def gspo_loss(
    log_prob: Tensor,
    old_log_prob: Tensor,
    advantages: Tensor,
    response_mask: Tensor,
    *,
    clip_low: float = 3e-4,
    clip_high: float = 4e-4,
) -> tuple[Tensor, Tensor]:
    """The clipped loss of GSPO, with one ratio for each response.

    The ratio of a response is (its probability / its old probability)^(1 / length): exp of
    the mean, over its tokens, of log_prob - old_log_prob. With A its advantage, its loss is

        -min(ratio * A, clip(ratio, 1 - clip_low, 1 + clip_high) * A)

    and the loss is the mean over all B responses, each with weight 1 whatever its length.
    A response without tokens has ratio 1 and loss 0, and still counts among the B. Where no
    response has any, backward gives gradients of 0.

    Args:
        log_prob: (B, T), B >= 1, any floating dtype, of each sampled token under the policy.
        old_log_prob: (B, T), same dtype, under the policy that sampled it.
        advantages: (B,), same dtype, one for each response.
        response_mask: (B, T) bool. True on response tokens, which need not be contiguous.
        clip_low, clip_high: How far the ratio may fall below and rise above 1.

    Returns:
        (loss, clip_fraction), scalars on the device of log_prob; float32, or float64 for
        float64 log_prob; computed in no less.
        loss: Only log_prob gets a gradient: the other tensors are constants, even if they
        require one or are log_prob itself. The gradient goes through the whole ratio.
        clip_fraction: the number of responses where the clip made the loss larger, divided
        by B. Carries no gradient.
        What stands where response_mask is false, even inf or NaN, changes neither the
        results nor the gradient, which is 0 there.

    Not allowed:
        Changing an argument in place.

    Source:
        Zheng et al. 2025, "Group Sequence Policy Optimization",
        https://arxiv.org/abs/2507.18071
    """
    raise NotImplementedError


def gspo_token_loss(
    log_prob: Tensor,
    old_log_prob: Tensor,
    advantages: Tensor,
    response_mask: Tensor,
    *,
    clip_low: float = 3e-4,
    clip_high: float = 4e-4,
) -> tuple[Tensor, Tensor]:
    """GSPO-token: the same ratio, and an advantage for each token.

    Each token's ratio has the value of its response's ratio, but the gradient that it would
    have if only this token's log_prob could change and the response had no other token:
    ratio * d log_prob. With sg for a constant it is sg[ratio] * exp(log_prob - sg[log_prob]).
    The loss of a token is as above, with its own A; the mean over each response's tokens
    comes first, then the mean over all B responses.

    Where all tokens of a response have the same advantage, value and gradient are those of
    gspo_loss.

    Args:
        log_prob, old_log_prob, response_mask, clip_low, clip_high: As above.
        advantages: (B, T), dtype of log_prob.

    Returns:
        (loss, clip_fraction), as above. clip_fraction: the mean over each response's tokens
        of whether the clip made the token's loss larger, then the mean over all B
        responses. A response without tokens adds 0 to both.

    Not allowed:
        Changing an argument in place.

    Source:
        As above, under the name of GSPO-token.
    """
    raise NotImplementedError
