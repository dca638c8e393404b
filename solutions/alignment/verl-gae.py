"""veRL compute_gae_advantage_return."""

import torch
from torch import Tensor


def compute_gae_advantage_return(
    token_level_rewards: Tensor,
    values: Tensor,
    response_mask: Tensor,
    gamma: float,
    lam: float,
) -> tuple[Tensor, Tensor]:
    """Walk back; a step that is none leaves what is carried as it is."""
    if response_mask.sum() < 2:
        raise ValueError(f"a variance needs two tokens, got {int(response_mask.sum())}")
    dtype = torch.promote_types(token_level_rewards.dtype, torch.float32)
    rewards, values = token_level_rewards.detach().to(dtype), values.detach().to(dtype)

    advantages = torch.zeros_like(values)
    next_value = next_advantage = torch.zeros_like(values[:, 0])
    for t in reversed(range(values.shape[1])):
        step = response_mask[:, t]
        advantage = rewards[:, t] + gamma * next_value - values[:, t] + gamma * lam * next_advantage
        next_advantage = torch.where(step, advantage, next_advantage)
        next_value = torch.where(step, values[:, t], next_value)
        advantages[:, t] = next_advantage
    returns = advantages + values

    kept = advantages[response_mask]
    advantages = (advantages - kept.mean()) * (kept.var() + 1e-8).rsqrt()
    return advantages, returns
