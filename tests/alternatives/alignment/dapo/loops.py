"""Item by item."""

import torch


def overlong_penalty(lengths, *, max_length, cache):
    if cache < 1 or cache > max_length:
        raise ValueError("cache")
    start = max_length - cache
    values = []
    for n in lengths.tolist():
        if n <= start:
            values.append(0.0)
        elif n <= max_length:
            values.append((start - n) / cache)
        else:
            values.append(-1.0)
    return torch.tensor(values, dtype=torch.float32, device=lengths.device)


def dynamic_sampling(groups, size):
    kept = []
    if size == 0:
        return kept
    for i, group in enumerate(groups):
        if len(set(group.tolist())) == 2:
            kept.append(i)
            if len(kept) == size:
                return kept
    raise ValueError("the prompts ran out")


def dapo_loss(log_prob, old_log_prob, advantages, response_mask, *, clip_low=0.2, clip_high=0.28):
    kind = torch.float64 if log_prob.dtype == torch.float64 else torch.float32
    total = log_prob[:0].to(kind).sum()
    n = 0
    for b, t in response_mask.nonzero().tolist():
        A = advantages[b].item()
        r = torch.exp(log_prob[b, t].to(kind) - old_log_prob[b, t].detach().to(kind))
        if A > 0 and r.item() > 1 + clip_high:
            r = 1 + clip_high
        if A < 0 and r.item() < 1 - clip_low:
            r = 1 - clip_low
        total = total - r * A
        n += 1
    return total / n if n else total
