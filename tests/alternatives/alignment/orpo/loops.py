"""One pair at a time."""

import torch


def orpo_loss(chosen_log_prob, rejected_log_prob, chosen_mask, rejected_mask, *, beta=0.1):
    kind = torch.float64 if chosen_log_prob.dtype == torch.float64 else torch.float32
    losses, nlls, ratios = [], [], []
    for i in range(len(chosen_log_prob)):
        c = chosen_log_prob[i][chosen_mask[i]].to(kind).mean()
        r = rejected_log_prob[i][rejected_mask[i]].to(kind).mean()
        odds_c = c - torch.log(-torch.special.expm1(c))
        odds_r = r - torch.log(-torch.special.expm1(r))
        x = odds_c - odds_r
        losses.append(-c + beta * torch.nn.functional.softplus(-x, threshold=100))
        nlls.append(-c.detach())
        ratios.append(x.detach())
    n = len(losses)
    return sum(losses) / n, sum(nlls) / n, torch.stack(ratios)
