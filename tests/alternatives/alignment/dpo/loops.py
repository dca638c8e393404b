"""Token by token, pair by pair."""

import torch


def sequence_log_prob(logits, input_ids, response_mask):
    if logits.dtype in (torch.float16, torch.bfloat16):
        logits = logits.float()
    B, T = input_ids.shape
    totals = []
    for b in range(B):
        total = logits.new_zeros(())
        for t in range(1, T):
            if response_mask[b, t]:
                row = logits[b, t - 1]
                total = total + row[input_ids[b, t]] - torch.logsumexp(row, dim=0)
        totals.append(total)
    return torch.stack(totals)


def softplus(x):
    # log(1 + exp(x)), as logaddexp(0, x)
    return torch.logaddexp(torch.zeros_like(x), x)


def dpo_loss(
    chosen_log_prob,
    rejected_log_prob,
    ref_chosen_log_prob,
    ref_rejected_log_prob,
    *,
    beta=0.1,
    label_smoothing=0.0,
):
    if not beta > 0:
        raise ValueError("beta")
    if label_smoothing < 0 or label_smoothing >= 0.5:
        raise ValueError("label_smoothing")
    losses, good, bad = [], [], []
    for i in range(len(chosen_log_prob)):
        up = beta * (chosen_log_prob[i] - ref_chosen_log_prob[i].item())
        down = beta * (rejected_log_prob[i] - ref_rejected_log_prob[i].item())
        h = up - down
        losses.append((1 - label_smoothing) * softplus(-h) + label_smoothing * softplus(h))
        good.append(up.detach())
        bad.append(down.detach())
    return sum(losses) / len(losses), torch.stack(good), torch.stack(bad)
