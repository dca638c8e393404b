"""A classification of two rewards, and torch's own squared error."""

import torch
import torch.nn.functional as F


def simpo_loss(
    chosen_log_prob, rejected_log_prob, chosen_length, rejected_length, *, beta=2.0, gamma=1.0
):
    if beta <= 0.0 or gamma < 0.0:
        raise ValueError((beta, gamma))
    lengths = torch.stack([chosen_length, rejected_length]).to(chosen_log_prob.dtype)
    rewards = beta * torch.stack([chosen_log_prob, rejected_log_prob]) / lengths
    classes = torch.stack([rewards[0] - gamma, rewards[1]], dim=1)
    loss = F.cross_entropy(classes, torch.zeros(len(classes), dtype=torch.long))
    chosen, rejected = rewards.detach()
    return loss, chosen, rejected


def ipo_loss(
    chosen_log_prob, rejected_log_prob, ref_chosen_log_prob, ref_rejected_log_prob, *, tau=0.1
):
    if not tau > 0:
        raise ValueError("tau")
    with torch.no_grad():
        target = 1 / (2 * tau) + ref_chosen_log_prob - ref_rejected_log_prob
    return F.mse_loss(chosen_log_prob - rejected_log_prob, target)
