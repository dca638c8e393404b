"""-log sigmoid(h) = softplus(-h), and smoothing adds eps * h."""

import torch
from torch import nn


def sequence_log_prob(logits, input_ids, response_mask):
    wide = logits.double()
    picked = torch.take_along_dim(wide[:, :-1], input_ids[:, 1:].unsqueeze(2), dim=2).squeeze(2)
    scores = picked - wide[:, :-1].logsumexp(dim=2)
    mask = response_mask[:, 1:]
    total = torch.where(mask, scores, torch.zeros_like(scores)).sum(dim=1)
    return total.to(torch.promote_types(logits.dtype, torch.float32))


def dpo_loss(
    chosen_log_prob,
    rejected_log_prob,
    ref_chosen_log_prob,
    ref_rejected_log_prob,
    *,
    beta=0.1,
    label_smoothing=0.0,
):
    if beta <= 0:
        raise ValueError("beta must be above 0")
    if label_smoothing < 0.0:
        raise ValueError("label_smoothing must not be negative")
    if label_smoothing >= 0.5:
        raise ValueError("label_smoothing must be below one half")
    policy = torch.stack([chosen_log_prob, rejected_log_prob])  # (2, B)
    ref = torch.stack([ref_chosen_log_prob, ref_rejected_log_prob]).detach()
    rewards = beta * (policy - ref)
    h = rewards[0] - rewards[1]
    # logsigmoid(-h) = logsigmoid(h) - h
    loss = torch.mean(nn.Softplus()(-h) + label_smoothing * h)
    rewards = rewards.data
    return [loss, rewards[0], rewards[1]]
