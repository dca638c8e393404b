"""A dictionary from prompt to rows; one response at a time."""

from collections import defaultdict

import torch


@torch.no_grad()
def baseline_advantages(scores, index, baseline):
    out = torch.float64 if scores.dtype == torch.float64 else torch.float32
    wide = scores.to(out)
    rows = defaultdict(list)
    for row, prompt in enumerate(index.tolist()):
        rows[prompt].append(row)
    result = wide.clone()
    for row, prompt in enumerate(index.tolist()):
        if baseline == "none":
            continue
        if baseline == "batch":
            peers = list(range(len(wide)))
        elif baseline == "group":
            peers = rows[prompt]
        elif baseline == "rloo":
            peers = [other for other in rows[prompt] if other != row]
        else:
            raise ValueError(f"unknown baseline {baseline}")
        if peers:
            result[row] -= wide[peers].mean()
    if baseline not in {"none", "batch", "group", "rloo"}:
        raise ValueError(baseline)
    return result


def reinforce_loss(log_prob, advantages, response_mask):
    out = torch.float64 if log_prob.dtype == torch.float64 else torch.float32
    losses = []
    for row, A, mask in zip(log_prob, advantages.detach(), response_mask, strict=True):
        losses.append(-A.to(out) * row[mask].to(out).sum())
    return torch.stack(losses).mean()
