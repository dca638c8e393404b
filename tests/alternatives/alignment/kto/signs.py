"""Labels as signs; tanh for the sigmoid; double precision inside."""

import torch


def mismatched(completions):
    first, *rest = completions if len(completions) > 1 else [None]
    if not rest:
        raise ValueError("nothing to mismatch")
    return [*rest, first]


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
        raise ValueError("beta must be positive")
    out = log_prob.dtype
    y = desirable.double()
    sign = 2 * y - 1
    weight = desirable_weight * y + undesirable_weight * (1 - y)
    gap = kl_log_prob.detach().double() - ref_kl_log_prob.detach().double()
    kl = torch.clamp(gap.sum() / gap.numel(), min=0)
    r = log_prob.double() - ref_log_prob.detach().double()
    # 1 - sigmoid(x) = (1 - tanh(x / 2)) / 2
    value = (1 - torch.tanh(sign * beta * (r - kl) / 2)) / 2
    loss = torch.dot(weight, value) / len(y)
    return loss.to(out), kl.to(out), (beta * r).detach().to(out)
