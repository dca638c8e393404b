"""Soft targets for all classes, in the layout that comes in."""

import torch
from torch import nn


def cross_entropy(logits, targets, *, ignore_index=-100, label_smoothing=0.0, reduction="mean"):
    V = logits.size(1)
    ignored = targets.eq(ignore_index)
    if ((targets.lt(0) | targets.ge(V)) & ~ignored).any():
        raise ValueError("target out of range")

    z = logits.to(torch.float64 if logits.dtype == torch.float64 else torch.float32)
    z = z - z.max(1, keepdim=True).values.detach()
    nll = z.exp().sum(1, keepdim=True).log() - z  # (N, V, ...)

    q = nn.functional.one_hot(targets.where(~ignored, 0), V).movedim(-1, 1).to(z.dtype)
    q = q * (1 - label_smoothing) + label_smoothing / V
    q = q.masked_fill(ignored.unsqueeze(1), 0)
    # no weight, no term: an infinite loss may stand there
    loss = torch.where(q > 0, q * nll.masked_fill(q == 0, 0), 0).sum(1)

    match reduction:
        case "none":
            return loss
        case "sum":
            return loss.sum()
        case "mean":
            return loss.sum() / max(int((~ignored).sum()), 1)
    raise ValueError(reduction)
