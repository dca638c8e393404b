"""Masks as numbers, groups by matrix."""

import torch


def _f(x):
    return x if x.dtype == torch.float64 else x.to(torch.float32)


def group_advantages(rewards, *, group_size, eps=1e-6):
    n = len(rewards)
    if group_size < 2 or n % group_size:
        raise ValueError(f"cannot split {n} rewards into groups of {group_size}")
    r = _f(rewards.detach())
    of = torch.arange(n) // group_size
    same = (of[:, None] == of[None, :]).to(r.dtype)
    mean = torch.einsum("ij,j->i", same, r) / group_size
    off = r - mean
    var = torch.einsum("ij,j->i", same, off * off) / (group_size - 1)
    return off / (torch.sqrt(var) + eps)


def grpo_loss(
    log_prob,
    old_log_prob,
    ref_log_prob,
    advantages,
    response_mask,
    *,
    clip_eps=0.2,
    beta=0.04,
):
    lp = torch.where(response_mask, _f(log_prob), 0.0)
    old = torch.where(response_mask, _f(old_log_prob.detach()), 0.0)
    ref = torch.where(response_mask, _f(ref_log_prob.detach()), 0.0)
    A = _f(advantages.detach()).unsqueeze(-1)
    ratio = torch.exp(lp - old)
    near = torch.minimum(
        torch.maximum(ratio, torch.tensor(1 - clip_eps, dtype=ratio.dtype)),
        torch.tensor(1 + clip_eps, dtype=ratio.dtype),
    )
    gain = torch.where(ratio * A < near * A, ratio * A, near * A)
    kl = torch.exp(ref - lp) + lp - ref - 1
    mask = response_mask.to(lp.dtype)
    weight = mask / mask.sum(dim=1, keepdim=True).clamp_min(1.0)
    return torch.einsum("bt,bt->b", beta * kl - gain, weight).mean()
