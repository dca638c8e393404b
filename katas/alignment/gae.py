"""Generalised advantage estimation (GAE)."""

import torch
from torch import Tensor


def gae(
    rewards: Tensor,
    values: Tensor,
    bootstrap_value: Tensor,
    dones: Tensor,
    *,
    gamma: float,
    lam: float,
) -> tuple[Tensor, Tensor]:
    """Estimate the advantage of each of T steps in B rollouts.

    The TD error of step t is delta[t] = rewards[t] + gamma * next_value - values[t].
    next_value is values[t + 1], or bootstrap_value at the last step. The advantage of
    step t is the sum over l >= 0 of (gamma * lam)^l * delta[t + l].

    A rollout holds one episode or several in a row. Where dones[t] is true, step t
    ended its episode in a terminal state and step t + 1 starts another one: next_value
    is 0 there, and no sum reaches past step t.

    Args:
        rewards: (B, T), T >= 1, any floating dtype. rewards[b, t] follows the action
            of step t.
        values: (B, T), dtype of rewards. The critic's value of the state that the
            action of step t was taken in.
        bootstrap_value: (B,), dtype of rewards. The critic's value of the state after
            the last step. Counts only in rows where dones[:, -1] is false.
        dones: (B, T) bool.
        gamma: Discount factor, 0 to 1.
        lam: The lambda of GAE, 0 to 1.

    Returns:
        (advantages, returns), both (B, T). returns = advantages + values, what the
        critic is trained towards. Advantages are not normalised. Both are constants to
        the losses: they carry no gradient, even if the inputs require one. dtype:
        float32, or float64 for float64 rewards; computed in no less.

    Raises:
        ValueError: values or dones have another shape than rewards, or bootstrap_value
            is not (B,).

    Not allowed:
        Changing an argument in place.

    Source:
        Schulman et al. 2015, "High-Dimensional Continuous Control Using Generalized
        Advantage Estimation", https://arxiv.org/abs/1506.02438
    """
    raise NotImplementedError
