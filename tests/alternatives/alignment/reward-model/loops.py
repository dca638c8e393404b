"""One sequence and one pair at a time."""

import torch


def sequence_rewards(scores, attention_mask):
    picked = []
    for row, keep in zip(scores, attention_mask.tolist(), strict=True):
        if True not in keep:
            raise ValueError("a sequence without tokens")
        step = len(keep) - 1
        while not keep[step]:
            step -= 1
        picked.append(row[step])
    return torch.stack(picked)


def reward_loss(chosen_rewards, rejected_rewards, margin=None, *, center_rewards_coefficient=0.0):
    if rejected_rewards.shape != chosen_rewards.shape:
        raise ValueError("rejected_rewards")
    if margin is not None and margin.shape != chosen_rewards.shape:
        raise ValueError("margin")
    kind = torch.float64 if chosen_rewards.dtype == torch.float64 else torch.float32
    total, right = torch.zeros((), dtype=kind), 0
    n = len(chosen_rewards)
    for i in range(n):
        a, b = chosen_rewards[i].to(kind), rejected_rewards[i].to(kind)
        x = a - b
        if margin is not None:
            x = x - margin[i].item()
        total = total + torch.nn.functional.softplus(-x)
        total = total + center_rewards_coefficient * (a + b) ** 2
        right += a.item() > b.item()
    return total / n, torch.tensor(right / n, dtype=kind)
