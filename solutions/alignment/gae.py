"""Generalised advantage estimation (GAE)."""

import torch
from torch import Tensor


@torch.no_grad()
def gae(
    rewards: Tensor,
    values: Tensor,
    bootstrap_value: Tensor,
    dones: Tensor,
    *,
    gamma: float,
    lam: float,
) -> tuple[Tensor, Tensor]:
    """Walk back from the last step: A[t] = delta[t] + gamma * lam * A[t + 1]."""
    B, T = rewards.shape
    if values.shape != (B, T) or dones.shape != (B, T) or bootstrap_value.shape != (B,):
        raise ValueError(
            f"rewards {(B, T)} need values and dones of the same shape and bootstrap_value ({B},), "
            f"got {tuple(values.shape)}, {tuple(dones.shape)} and {tuple(bootstrap_value.shape)}"
        )

    dtype = torch.promote_types(rewards.dtype, torch.float32)
    rewards, values = rewards.to(dtype), values.to(dtype)
    # an episode's end cuts two things: the next value, and the sum over later steps
    discount = gamma * (~dones).to(dtype)

    advantages = torch.zeros_like(rewards)
    next_value = bootstrap_value.to(dtype)
    next_advantage = torch.zeros_like(next_value)
    for t in reversed(range(T)):
        delta = rewards[:, t] + discount[:, t] * next_value - values[:, t]
        advantages[:, t] = delta + lam * discount[:, t] * next_advantage
        next_value, next_advantage = values[:, t], advantages[:, t]
    return advantages, advantages + values
