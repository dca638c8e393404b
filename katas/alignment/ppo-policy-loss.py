"""PPO clipped policy loss (veRL vanilla, dual clip)."""

import torch
from torch import Tensor


def compute_policy_loss(
    old_log_prob: Tensor,
    log_prob: Tensor,
    advantages: Tensor,
    response_mask: Tensor,
    cliprange: float = 0.2,
    cliprange_low: float | None = None,
    cliprange_high: float | None = None,
    clip_ratio_c: float = 3.0,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The policy loss of PPO, clipped a second time where the advantage is negative.

    For each token, with A its advantage:

        log_ratio = log_prob - old_log_prob, clamped to -20..20
        ratio = exp(log_ratio)
        unclipped = -A * ratio
        clipped = -A * (ratio, clamped to 1 - cliprange_low .. 1 + cliprange_high)
        loss = max(unclipped, clipped)
        loss = min(loss, -A * clip_ratio_c), only where A < 0: the dual clip

    Where a clamp or the dual clip sets the loss, no gradient flows. Every mean is over
    the response tokens of the whole batch: their sum divided by their number. In a batch
    without any, all four results are 0, and so is the gradient.

    Args:
        old_log_prob: (B, T), dtype of log_prob, under the policy that sampled the token.
        log_prob: (B, T), any floating dtype, under the policy that learns.
        advantages: (B, T), dtype of log_prob, one for each token.
        response_mask: (B, T) bool. True on response tokens, which need not be contiguous.
        cliprange: How far the ratio may move from 1.
        cliprange_low, cliprange_high: The same, downwards and upwards. None: cliprange.
        clip_ratio_c: No token with A < 0 has a loss above -A * clip_ratio_c.

    Returns:
        (pg_loss, pg_clipfrac, ppo_kl, pg_clipfrac_lower), scalars. dtype: float32, or
        float64 for float64 log_prob; computed in no less.
        pg_loss: the mean loss. Only log_prob gets a gradient: the other tensors are
        constants, even if they require one or are log_prob itself.
        The rest carries no gradient. pg_clipfrac: the share of tokens where clipped >
        unclipped. ppo_kl: the mean of -log_ratio, after its clamp. pg_clipfrac_lower:
        the share of response tokens where A < 0 and max(unclipped, clipped) is above
        -A * clip_ratio_c.
        What stands where response_mask is false, even inf or NaN, changes neither the
        results nor the gradient, which is 0 there.

    Raises:
        ValueError: clip_ratio_c is not above 1.

    Not allowed:
        Changing an argument in place.

    Source:
        Schulman et al. 2017, "Proximal Policy Optimization Algorithms",
        https://arxiv.org/abs/1707.06347. Dual clip: Ye et al. 2019, "Mastering Complex
        Control in MOBA Games with Deep Reinforcement Learning",
        https://arxiv.org/abs/1912.09729. Names, the clamp and the metrics: veRL,
        verl/trainer/ppo/core_algos.py, with its loss_agg_mode "token-mean".
    """
    raise NotImplementedError
