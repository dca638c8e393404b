"""The last token is the first one from behind; the loss is a cross entropy of two classes."""

import torch
import torch.nn.functional as F


def sequence_rewards(scores, attention_mask):
    back = attention_mask.flip(dims=(1,)).to(torch.uint8)
    if (back.sum(dim=1) == 0).any():
        raise ValueError("every row needs a token")
    column = attention_mask.size(1) - 1 - back.argmax(dim=1)
    return scores[torch.arange(scores.size(0)), column]


def reward_loss(chosen_rewards, rejected_rewards, margin=None, *, center_rewards_coefficient=0.0):
    m = torch.zeros_like(chosen_rewards) if margin is None else margin.data
    if not chosen_rewards.shape == rejected_rewards.shape == m.shape:
        raise ValueError("shapes differ")
    wide = torch.promote_types(chosen_rewards.dtype, torch.float32)
    chosen, rejected, m = chosen_rewards.to(wide), rejected_rewards.to(wide), m.to(wide)
    pair = torch.stack([chosen - m, rejected], dim=1)
    loss = F.cross_entropy(pair, torch.zeros(len(pair), dtype=torch.long))
    pull = torch.dot(chosen + rejected, chosen + rejected) / len(pair)
    with torch.no_grad():
        accuracy = torch.gt(chosen, rejected).to(wide).mean()
    return loss + center_rewards_coefficient * pull, accuracy
