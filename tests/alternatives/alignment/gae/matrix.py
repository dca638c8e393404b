"""One matrix of weights for each rollout: no loop over steps."""

import torch


def gae(rewards, values, bootstrap_value, dones, *, gamma, lam):
    B, T = rewards.shape
    if tuple(values.shape) != (B, T) or tuple(dones.shape) != (B, T):
        raise ValueError("shapes differ")
    if tuple(bootstrap_value.shape) != (B,):
        raise ValueError("one bootstrap value a rollout")
    r, v, last = (x.detach().double() for x in (rewards, values, bootstrap_value))
    shifted = torch.hstack([v[:, 1:], last.unsqueeze(1)])
    delta = r + gamma * torch.where(dones, 0.0, shifted) - v

    # steps of one episode share a number: how many ended before them
    episode = dones.long().cumsum(1) - dones.long()
    same = episode[:, :, None] == episode[:, None, :]
    steps = torch.arange(T)
    distance = (steps[None, :] - steps[:, None]).clamp(min=0)
    weights = torch.triu(torch.tensor(gamma * lam, dtype=torch.float64) ** distance)
    advantages = torch.einsum("btk,bk->bt", weights * same, delta)

    dtype = torch.promote_types(rewards.dtype, torch.float32)
    return advantages.to(dtype), (advantages + v).to(dtype)
