"""Advantages as a matrix product: the decay between two steps is by the count of steps."""

import torch


def compute_gae_advantage_return(token_level_rewards, values, response_mask, gamma, lam):
    m = response_mask
    n = int(m.sum())
    if n < 2:
        raise ValueError(n)
    wide = torch.promote_types(torch.float32, token_level_rewards.dtype)
    zero = torch.zeros((), dtype=torch.float64, device=m.device)
    r = torch.where(m, token_level_rewards.data.double(), zero)
    v = torch.where(m, values.data.double(), zero)
    rank = m.cumsum(1)
    # (B, t, s): s is the step right behind t
    follows = (rank[:, None, :] == rank[:, :, None] + 1) & m[:, None, :]
    delta = (r + gamma * torch.einsum("bts,bs->bt", follows.double(), v) - v) * m
    apart = rank[:, None, :] - rank[:, :, None]
    later = (apart >= 0) & m[:, None, :] & m[:, :, None]
    decay = torch.where(later, (gamma * lam) ** apart.clamp(min=0).double(), zero)
    A = torch.einsum("bts,bs->bt", decay, delta)
    mean = A.sum() / n
    var = ((A - mean).square() * m).sum() / (n - 1)
    return ((A - mean) / (var + 1e-8) ** 0.5).to(wide), (A + v).to(wide)
