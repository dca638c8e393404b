"""Unbiased KL and its gradient."""

import torch
from torch import Tensor


def token_kl_loss(
    log_prob: Tensor, old_log_prob: Tensor, ref_log_prob: Tensor, response_mask: Tensor
) -> Tensor:
    """KL(policy || reference) at each token, from samples of an older policy.

    With d = ref_log_prob - log_prob, k3 = exp(d) - d - 1 is an unbiased estimate of the KL
    only for samples of the policy itself, and even then its gradient is not that of the KL.
    Weighed with ratio = exp(log_prob - old_log_prob), both are right: for a token drawn
    from the old policy, ratio * k3 has the KL as its expectation, and the gradient of
    ratio * k3, through the ratio as well, has the gradient of the KL.

    The loss is the mean of ratio * k3 over the response tokens of the whole batch. If there
    is none, it is 0, and backward gives gradients of 0.

    Args:
        log_prob: (B, T), any floating dtype, of each sampled token under the policy.
        old_log_prob: (B, T), same dtype, under the policy that sampled it. May be log_prob
            itself.
        ref_log_prob: (B, T), same dtype, under the reference.
        response_mask: (B, T) bool. True on response tokens, which need not be contiguous.

    Returns:
        Scalar on the device of log_prob; float32, or float64 for float64 log_prob; computed
        in no less. Only log_prob gets a gradient: the other tensors are constants, even if
        they require one or are log_prob itself. What stands where response_mask is false,
        even inf or NaN, changes neither the loss nor the gradient, which is 0 there.

    Not allowed:
        Changing an argument in place.

    Source:
        DeepSeek-AI 2025, "DeepSeek-V3.2", https://arxiv.org/abs/2512.02556
    """
    raise NotImplementedError


def sequence_kl_loss(log_prob: Tensor, ref_log_prob: Tensor, response_mask: Tensor) -> Tensor:
    """A loss whose gradient is, in expectation, that of the KL of whole responses.

    That KL is the expectation, over responses of the policy, of the sum over a response's
    tokens of log_prob - ref_log_prob. A token also changes which tokens follow it, so the
    gradient of the KL is the expectation of

        sum over t of cost[t] * d log_prob[t]

    where cost[t] is the sum of log_prob - ref_log_prob over the tokens from t on to the end
    of the response, t included. Costs are constants. What came before t is not in it: it
    would add noise only.

    The value of the loss is the estimate of the KL itself: the mean over all B responses of
    cost at the first token. The gradient is the mean over all B responses of the sum above.

    Args:
        log_prob: (B, T), any floating dtype, of each token, drawn from the policy itself.
        ref_log_prob: (B, T), same dtype, under the reference.
        response_mask: (B, T) bool, as above. A response without tokens adds 0 and still
            counts among the B.

    Returns:
        Scalar, as above in device, dtype, constants and padding.

    Not allowed:
        Changing an argument in place.

    Source:
        Schulman et al. 2015, "Gradient Estimation Using Stochastic Computation Graphs",
        https://arxiv.org/abs/1506.05254
    """
    raise NotImplementedError
