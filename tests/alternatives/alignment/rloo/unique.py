"""Groups by unique and index_add; the leave-one-out mean by the group's sum."""

import torch


def baseline_advantages(scores, index, baseline):
    if baseline not in ("none", "batch", "group", "rloo"):
        raise ValueError(baseline)
    wide = torch.promote_types(torch.float32, scores.dtype)
    s = scores.data.to(wide)
    if baseline == "none":
        return s.clone()
    if baseline == "batch":
        return s - s.mean()
    _, group = torch.unique(index, return_inverse=True)
    n = torch.bincount(group)
    total = s.new_zeros(len(n)).index_add(0, group, s)
    n, total = n[group], total[group]
    if baseline == "group":
        return s - total / n
    others = torch.where(n > 1, (total - s) / (n - 1), torch.zeros_like(s))
    return s - others


def reinforce_loss(log_prob, advantages, response_mask):
    wide = torch.promote_types(torch.float32, log_prob.dtype)
    clean = torch.where(response_mask, log_prob, torch.zeros_like(log_prob)).to(wide)
    return torch.einsum("b,bt->", advantages.detach().to(wide), clean) / -len(log_prob)
