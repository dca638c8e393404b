"""RLOO and REINFORCE baselines."""

import torch
from torch import Tensor


def baseline_advantages(scores: Tensor, index: Tensor, baseline: str) -> Tensor:
    """What each response's score is above its baseline.

    The baseline of a response is, by name:

        "none"   0
        "batch"  the mean score of all B responses, this one included
        "group"  the mean score of the responses to the same prompt, this one included
        "rloo"   the mean score of the other responses to the same prompt; 0 if there is
                 no other

    Nothing is divided by a standard deviation.

    Args:
        scores: (B,), B >= 1, any floating dtype, one reward for each response.
        index: (B,) int64, any integers. Responses with the same number answer the same
            prompt. They need not be neighbours, nor need groups have the same size.
        baseline: One of the four names.

    Returns:
        (B,), on the device of scores; float32, or float64 for float64 scores; computed in
        no less. Carries no gradient, even if scores require one.

    Raises:
        ValueError: baseline is none of the four.

    Not allowed:
        Changing an argument in place.

    Source:
        Ahmadian et al. 2024, "Back to Basics: Revisiting REINFORCE Style Optimization for
        Learning from Human Feedback in LLMs", https://arxiv.org/abs/2402.14740
        Kool et al. 2019, "Buy 4 REINFORCE Samples, Get a Baseline for Free!". The baseline
        of a lone response is veRL's.
    """
    raise NotImplementedError


def reinforce_loss(log_prob: Tensor, advantages: Tensor, response_mask: Tensor) -> Tensor:
    """The loss whose gradient is the policy gradient, a whole response being one action.

    For each response -A times the log-probability of the response, which is the sum over
    its tokens; then the mean over all B responses. A response without tokens adds 0 and
    still counts among the B.

    Args:
        log_prob: (B, T), any floating dtype, of each sampled token under the policy.
        advantages: (B,), same dtype or float32.
        response_mask: (B, T) bool. True on response tokens, which need not be contiguous.

    Returns:
        Scalar on the device of log_prob; float32, or float64 for float64 log_prob; computed
        in no less. Only log_prob gets a gradient: advantages are constants, even if they
        require one. What stands where response_mask is false, even inf or NaN, changes
        neither the loss nor the gradient, which is 0 there.

    Not allowed:
        Changing an argument in place.

    Source:
        Williams 1992, "Simple Statistical Gradient-Following Algorithms for Connectionist
        Reinforcement Learning".
    """
    raise NotImplementedError
