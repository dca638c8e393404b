"""KL penalty, per token, in the reward."""

import torch
from torch import Tensor


def kl_penalty(logprob: Tensor, ref_logprob: Tensor, kl_penalty: str) -> Tensor:
    """Estimate KL(policy || reference) at each token that the policy sampled.

    With log_ratio = logprob - ref_logprob, and log_r = -log_ratio clamped to -20..20:

        "kl" or "k1"          log_ratio
        "abs"                 |log_ratio|
        "mse" or "k2"         log_ratio^2 / 2
        "low_var_kl" or "k3"  exp(log_r) - log_r - 1, clamped to -10..10

    Where a clamp sets the value, no gradient flows: 0, not NaN, for any finite log_ratio.

    A name with one "+" behind it, "k3+" say, has the value of that name and the gradient of
    "k2", even where a clamp sets the value: a straight-through estimator. Of the four, only
    k2 has the gradient of the KL in expectation.

    Args:
        logprob: Any shape and floating dtype.
        ref_logprob: Same shape and dtype.
        kl_penalty: One of the seven names above, or one of them with a "+".

    Returns:
        The shape of logprob; float32, or float64 for float64 logprob; computed in no less.
        No mean is taken. Gradients flow into both tensors.

    Raises:
        ValueError: kl_penalty is none of these names.

    Not allowed:
        Changing an argument in place.

    Source:
        veRL, verl/trainer/ppo/core_algos.py, kl_penalty. The estimators: Schulman 2020,
        "Approximating KL Divergence", http://joschu.net/blog/kl-approx.html
    """
    raise NotImplementedError


def apply_kl_penalty(
    token_level_scores: Tensor,
    old_log_prob: Tensor,
    ref_log_prob: Tensor,
    response_mask: Tensor,
    beta: float,
    kind: str = "kl",
) -> tuple[Tensor, Tensor]:
    """Take the KL penalty off the reward of each response token, before advantages.

    token_level_rewards = token_level_scores - beta * penalty, where the penalty of a token
    is that of the function above, and 0 where response_mask is false.

    Args:
        token_level_scores: (B, T), any floating dtype. Often 0 but at the last token.
        old_log_prob: (B, T), same dtype, under the policy that sampled the tokens.
        ref_log_prob: (B, T), same dtype, under the reference.
        response_mask: (B, T) bool. True on response tokens, which need not be contiguous.
        beta: Weight of the penalty.
        kind: The kl_penalty of the function above.

    Returns:
        (token_level_rewards, current_kl), on the device of the scores; float32, or float64
        for float64 scores; computed in no less. Both are constants: they carry no gradient,
        even if an argument does.
        token_level_rewards: (B, T). Where response_mask is false, the score itself.
        current_kl: scalar. The mean penalty of each response's tokens, then the mean over
        all B responses; beta does not enter. A response without tokens adds 0 and still
        counts among the B.
        What the log-probabilities hold where response_mask is false, even inf or NaN,
        changes nothing.

    Raises:
        ValueError: kind is no name of a penalty.

    Not allowed:
        Changing an argument in place.

    Source:
        Ziegler et al. 2019, "Fine-Tuning Language Models from Human Preferences",
        https://arxiv.org/abs/1909.08593. veRL: verl/trainer/ppo/ray_trainer.py.
    """
    raise NotImplementedError
