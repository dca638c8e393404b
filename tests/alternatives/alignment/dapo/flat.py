"""Only the response tokens, as losses to be maximised over; a generator of positions."""

from itertools import islice

import torch


def overlong_penalty(lengths, *, max_length, cache):
    if cache not in range(1, max_length + 1):
        raise ValueError(cache)
    over = torch.clamp(lengths - (max_length - cache), min=0, max=cache)
    return -over.float() / cache


def dynamic_sampling(groups, size):
    mixed = (i for i, g in enumerate(groups) if 0 < int(g.sum()) < g.numel())
    kept = list(islice(mixed, size))
    if len(kept) < size:
        raise ValueError(f"{len(kept)} of {size}")
    return kept


def dapo_loss(log_prob, old_log_prob, advantages, response_mask, *, clip_low=0.2, clip_high=0.28):
    wide = torch.promote_types(torch.float32, log_prob.dtype)
    new = log_prob[response_mask].to(wide)
    with torch.no_grad():
        old = old_log_prob[response_mask].to(wide)
        A = advantages[:, None].expand(response_mask.shape)[response_mask].to(wide)
    r = torch.exp(new - old)
    losses = torch.maximum(-r * A, -torch.clip(r, 1 - clip_low, 1 + clip_high) * A)
    return losses.sum() / max(losses.numel(), 1)
