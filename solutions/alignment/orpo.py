"""ORPO loss."""

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid


def orpo_loss(
    chosen_log_prob: Tensor,
    rejected_log_prob: Tensor,
    chosen_mask: Tensor,
    rejected_mask: Tensor,
    *,
    beta: float = 0.1,
) -> tuple[Tensor, Tensor, Tensor]:
    """Two means, two log-odds, one sigmoid."""
    chosen = _mean(chosen_log_prob, chosen_mask)
    rejected = _mean(rejected_log_prob, rejected_mask)
    log_odds_ratio = _log_odds(chosen) - _log_odds(rejected)
    loss = (-chosen - beta * logsigmoid(log_odds_ratio)).mean()
    return loss, -chosen.detach().mean(), log_odds_ratio.detach()


def _mean(log_prob: Tensor, mask: Tensor) -> Tensor:
    """(B,): over the tokens of each response."""
    log_prob = log_prob.to(torch.promote_types(log_prob.dtype, torch.float32))
    # not a product with the mask: -inf * 0 is NaN
    return log_prob.masked_fill(~mask, 0).sum(dim=1) / mask.sum(dim=1)


def _log_odds(log_p: Tensor) -> Tensor:
    """log(P / (1 - P)); expm1 gives P - 1 without rounding P first."""
    return log_p - (-torch.expm1(log_p)).log()
