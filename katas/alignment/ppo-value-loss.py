"""PPO clipped value loss."""

import torch
from torch import Tensor


def compute_value_loss(
    vpreds: Tensor,
    returns: Tensor,
    values: Tensor,
    response_mask: Tensor,
    cliprange_value: float,
) -> tuple[Tensor, Tensor]:
    """The critic's loss in PPO: a squared error that does not reward large steps.

    For each token:

        vpred_clipped = vpreds, clamped to values - cliprange_value .. values + cliprange_value
        unclipped = (vpreds - returns)^2
        clipped = (vpred_clipped - returns)^2
        loss = max(unclipped, clipped) / 2

    Where the clamp sets the loss, no gradient flows. Both means are over the response
    tokens of the whole batch: their sum divided by their number. In a batch without any,
    both results are 0, and so is the gradient.

    Args:
        vpreds: (B, T), any floating dtype, the critic's values now.
        returns: (B, T), same dtype, what it is trained towards.
        values: (B, T), same dtype, its values when the responses were sampled.
        response_mask: (B, T) bool. True on response tokens, which need not be contiguous.
        cliprange_value: How far a value may move for free, positive, in units of the value.

    Returns:
        (vf_loss, vf_clipfrac), scalars: the mean loss, and the share of tokens where
        clipped > unclipped, which carries no gradient. On the device of vpreds; float32, or
        float64 for float64 vpreds; computed in no less. Only vpreds gets a gradient: returns
        and values are constants, even if they require one. What stands where response_mask
        is false, even inf or NaN, changes neither the results nor the gradient, which is 0
        there.

    Not allowed:
        Changing an argument in place.

    Source:
        veRL, verl/trainer/ppo/core_algos.py, compute_value_loss with its loss_agg_mode
        "token-mean". The clip itself is from OpenAI's baselines, not from the PPO paper.
    """
    raise NotImplementedError
