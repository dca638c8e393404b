"""Desirable and undesirable responses apart, as trl does."""

import torch
import torch.nn.functional as F


def mismatched(completions):
    if len(completions) <= 1:
        raise ValueError("a batch of two at least")
    return [completions[(i + 1) % len(completions)] for i in range(len(completions))]


def kto_loss(
    log_prob,
    ref_log_prob,
    kl_log_prob,
    ref_kl_log_prob,
    desirable,
    *,
    beta=0.1,
    desirable_weight=1.0,
    undesirable_weight=1.0,
):
    if not beta > 0:
        raise ValueError("beta")
    with torch.no_grad():
        kl = torch.relu(torch.mean(kl_log_prob - ref_kl_log_prob))
        rewards = beta * (log_prob - ref_log_prob)
    good, bad = log_prob[desirable], log_prob[~desirable]
    ref_good, ref_bad = ref_log_prob.data[desirable], ref_log_prob.data[~desirable]
    losses = [
        desirable_weight * (1 - F.sigmoid(beta * (good - ref_good - kl))),
        undesirable_weight * (1 - F.sigmoid(beta * (kl - (bad - ref_bad)))),
    ]
    return torch.cat(losses).mean(), kl, rewards
