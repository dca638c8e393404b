"""The loss of a wrong and of a right answer, told apart by the sign of the logit."""

import torch


def _minus_log_sigmoid(z):
    low = z < 0
    safe = torch.where(low, torch.zeros_like(z), z)
    other = torch.where(low, z, torch.zeros_like(z))
    right = torch.log1p(torch.exp(-safe))
    wrong = torch.log1p(torch.exp(other)) - other
    return torch.where(low, wrong, right)


def bce_with_logits(logits, targets, *, weight=None, pos_weight=None, reduction="mean"):
    if logits.shape != targets.shape:
        raise ValueError
    x = logits if logits.dtype == torch.float64 else logits.float()
    y = targets.type_as(x)
    first = _minus_log_sigmoid(x) * y
    if pos_weight is not None:
        first = first * pos_weight.type_as(x)
    losses = first + _minus_log_sigmoid(-x) * (1 - y)
    losses = losses if weight is None else losses * weight.type_as(x)
    match reduction:
        case "none":
            return losses
        case "sum":
            return losses.sum()
        case "mean":
            return losses.sum() / max(1, losses.numel())
    raise ValueError(reduction)
