"""Pieces chosen by torch.where; weights in place of a mean; double precision inside."""

import torch


def overlong_penalty(lengths, *, max_length, cache):
    if not (cache > 0 and cache <= max_length):
        raise ValueError(f"cache={cache}, max_length={max_length}")
    x = lengths.double()
    slope = (max_length - cache - x) / cache
    low = torch.where(x > max_length, torch.full_like(x, -1.0), slope)
    return torch.where(x <= max_length - cache, torch.zeros_like(x), low).float()


def dynamic_sampling(groups, size):
    kept, iterator, position = [], iter(groups), 0
    try:
        while size > len(kept):
            share = next(iterator).double().mean().item()
            if share not in (0.0, 1.0):
                kept += [position]
            position += 1
    except StopIteration:
        raise ValueError("not enough groups") from None
    return kept


def dapo_loss(log_prob, old_log_prob, advantages, response_mask, *, clip_low=0.2, clip_high=0.28):
    out = torch.promote_types(log_prob.dtype, torch.float32)
    zero = torch.zeros_like(log_prob)
    step = torch.where(response_mask, log_prob, zero).double()
    step = step - torch.where(response_mask, old_log_prob.data, zero).double()
    A = advantages.data.double()[:, None].expand_as(step)
    edge = torch.where(A > 0, torch.full_like(A, 1 + clip_high), torch.full_like(A, 1 - clip_low))
    r = step.exp()
    gone = torch.where(A > 0, r > edge, r < edge)
    r = torch.where(gone, edge, r)
    weight = response_mask.double() / response_mask.sum().clamp(min=1)
    return -torch.einsum("bt,bt,bt->", A, r, weight).to(out)
