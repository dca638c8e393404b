"""One pair at a time."""

import torch


def simpo_loss(
    chosen_log_prob, rejected_log_prob, chosen_length, rejected_length, *, beta=2.0, gamma=1.0
):
    if not beta > 0:
        raise ValueError("beta")
    if gamma < 0:
        raise ValueError("gamma")
    losses, good, bad = [], [], []
    for c, r, n, m in zip(
        chosen_log_prob, rejected_log_prob, chosen_length, rejected_length, strict=True
    ):
        rc, rr = beta * c / n.item(), beta * r / m.item()
        x = gamma - (rc - rr)
        # log(1 + exp(x)) by hand
        losses.append(torch.relu(x) + torch.log1p(torch.exp(-x.abs())))
        good.append(rc.detach())
        bad.append(rr.detach())
    return sum(losses) / len(losses), torch.stack(good), torch.stack(bad)


def ipo_loss(
    chosen_log_prob, rejected_log_prob, ref_chosen_log_prob, ref_rejected_log_prob, *, tau=0.1
):
    if tau <= 0:
        raise ValueError(tau)
    total = 0.0
    for c, r, rc, rr in zip(
        chosen_log_prob,
        rejected_log_prob,
        ref_chosen_log_prob.tolist(),
        ref_rejected_log_prob.tolist(),
        strict=True,
    ):
        h = (c - rc) - (r - rr)
        total = total + (h - 0.5 / tau) ** 2
    return total / len(chosen_log_prob)
