"""One response at a time."""

import torch


def mismatched(completions):
    if len(completions) in (0, 1):
        raise ValueError(len(completions))
    result = list(completions)
    result.append(result.pop(0))
    return result


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
    if beta <= 0:
        raise ValueError(beta)
    B = len(log_prob)
    gaps = [a - b for a, b in zip(kl_log_prob.tolist(), ref_kl_log_prob.tolist(), strict=True)]
    kl = max(sum(gaps) / B, 0.0)
    loss, rewards = 0, []
    for p, q, good in zip(log_prob, ref_log_prob.tolist(), desirable.tolist(), strict=True):
        r = p - q
        rewards.append(beta * r.detach())
        # 1 - sigmoid(x) is sigmoid(-x)
        if good:
            loss = loss + desirable_weight * torch.sigmoid(beta * (kl - r))
        else:
            loss = loss + undesirable_weight * torch.sigmoid(beta * (r - kl))
    return loss / B, log_prob.new_tensor(kl), torch.stack(rewards)
