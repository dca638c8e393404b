"""GRPO loss."""

import torch
from torch import Tensor


def group_advantages(rewards: Tensor, *, group_size: int, eps: float = 1e-6) -> Tensor:
    """Score each response against the other responses to its prompt.

    Rows 0 .. group_size-1 answer the first prompt, the next group_size rows the second,
    and so on. advantage = (reward - mean) / (std + eps), mean and std over the group.
    std is the unbiased one: it divides by group_size - 1. So a group of equal rewards
    gets advantages of 0, up to rounding.

    Args:
        rewards: (B,), any floating dtype, one for each response.
        group_size: Responses for each prompt.
        eps: Added to the standard deviation.

    Returns:
        (B,) float32, or float64 for float64 rewards; computed in no less. Carries no
        gradient, even if rewards require one.

    Raises:
        ValueError: group_size is below 2, or B is not a multiple of it.

    Not allowed:
        Changing an argument in place.
    """
    raise NotImplementedError


def grpo_loss(
    log_prob: Tensor,
    old_log_prob: Tensor,
    ref_log_prob: Tensor,
    advantages: Tensor,
    response_mask: Tensor,
    *,
    clip_eps: float = 0.2,
    beta: float = 0.04,
) -> Tensor:
    """The clipped policy loss of GRPO with a KL penalty inside the loss.

    For each token, with A its response's advantage and ratio = exp(log_prob -
    old_log_prob), the loss is beta * KL minus the smaller of ratio * A and
    clip(ratio, 1 - clip_eps, 1 + clip_eps) * A. KL is the k3 estimate of the KL
    divergence from policy to reference: with d = ref_log_prob - log_prob, it is
    exp(d) - d - 1.

    The mean over a response's tokens comes first, then the mean over all B responses.
    A response without tokens adds 0 and still counts among the B.

    Args:
        log_prob: (B, T), any floating dtype, of each sampled token under the policy.
        old_log_prob: (B, T), same dtype, under the policy that sampled it.
        ref_log_prob: (B, T), same dtype, under the reference model.
        advantages: (B,), same dtype.
        response_mask: (B, T) bool. True on response tokens, which need not be
            contiguous: a tool's output in between is false.
        clip_eps: Half-width of the clip range.
        beta: Weight of the KL penalty.

    Returns:
        Scalar to minimise, float32, or float64 for float64 log_prob; computed in no
        less. Only log_prob gets a gradient: the other tensors are constants, even if
        they require one or are log_prob itself. What stands where response_mask is
        false, even inf or NaN, changes neither the loss nor the gradient, which is 0
        there.

    Not allowed:
        Changing an argument in place.

    Source:
        Shao et al. 2024, "DeepSeekMath", equations 3 and 4,
        https://arxiv.org/abs/2402.03300. The paper does not say which standard
        deviation it means, and has no eps.
    """
    raise NotImplementedError
