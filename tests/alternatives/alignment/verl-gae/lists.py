"""As in veRL: lists of columns, products with a mask of numbers, after cleaning."""

import torch


def compute_gae_advantage_return(token_level_rewards, values, response_mask, gamma, lam):
    if torch.count_nonzero(response_mask) < 2:
        raise ValueError("at least two response tokens")
    with torch.no_grad():
        dtype = torch.float64 if token_level_rewards.dtype == torch.float64 else torch.float32
        mask = response_mask.to(dtype)
        rewards = token_level_rewards.to(dtype).masked_fill(~response_mask, 0)
        values = values.to(dtype).masked_fill(~response_mask, 0)
        nextvalues = lastgaelam = 0
        columns = []
        for t in range(rewards.shape[-1] - 1, -1, -1):
            m = mask[:, t]
            delta = rewards[:, t] + gamma * nextvalues - values[:, t]
            lastgaelam = m * (delta + gamma * lam * lastgaelam) + (1 - m) * lastgaelam
            nextvalues = m * values[:, t] + (1 - m) * nextvalues
            columns.append(lastgaelam)
        advantages = torch.stack(columns[::-1], dim=1)
        returns = advantages + values
        total = mask.sum()
        mean = (advantages * mask).sum() / total
        centred = advantages - mean
        variance = (centred**2 * mask).sum() / total * (total / (total - 1))
        return centred * torch.rsqrt(variance + 1e-8), returns
