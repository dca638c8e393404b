"""The last token is where the running count reaches its total; logaddexp for the loss."""

import torch


def sequence_rewards(scores, attention_mask):
    count = attention_mask.cumsum(dim=1)
    total = count[:, -1:]
    if bool((total == 0).any()):
        raise ValueError("no tokens")
    is_last = attention_mask & (count == total)
    return torch.masked_select(scores, is_last)


def reward_loss(chosen_rewards, rejected_rewards, margin=None, *, center_rewards_coefficient=0.0):
    tensors = [chosen_rewards, rejected_rewards]
    if margin is not None:
        tensors.append(margin.detach())
    if len({x.shape for x in tensors}) > 1:
        raise ValueError([x.shape for x in tensors])
    out = torch.float64 if chosen_rewards.dtype == torch.float64 else torch.float32
    a, b, *m = (x.double() for x in tensors)
    gap = b - a + (m[0] if m else 0.0)
    # log(1 + exp(gap))
    losses = torch.logaddexp(torch.zeros_like(gap), gap)
    losses = losses + center_rewards_coefficient * torch.pow(a + b, 2)
    right = (a.detach() - b.detach() > 0).double()
    return losses.mean().to(out), right.mean().to(out)
