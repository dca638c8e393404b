"""The two terms of the loss averaged by themselves; sinh for 1 - P."""

import torch
import torch.nn.functional as F


def _responses(log_prob, mask):
    wide = torch.promote_types(torch.float32, log_prob.dtype)
    row, step = mask.nonzero(as_tuple=True)
    sums = torch.zeros_like(log_prob[:, 0], dtype=wide)
    sums = sums.index_add(0, row, log_prob[row, step].to(wide))
    return sums / mask.sum(-1)


def orpo_loss(chosen_log_prob, rejected_log_prob, chosen_mask, rejected_mask, *, beta=0.1):
    both = torch.stack(
        [_responses(chosen_log_prob, chosen_mask), _responses(rejected_log_prob, rejected_mask)]
    )
    # P / (1 - P) = 1 / (exp(-x) - 1) for x = log P
    log_odds = torch.where(both < -30, both, -torch.log(torch.expm1(-both.clamp(min=-30))))
    log_ratio = log_odds[0] - log_odds[1]
    nll = -both[0].mean()
    penalty = -F.logsigmoid(log_ratio).mean()
    return nll + beta * penalty, nll.detach(), log_ratio.detach()
