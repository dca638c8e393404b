"""The cross-entropy of two classes whose logits are 0 and x."""

import torch


def bce_with_logits(logits, targets, *, weight=None, pos_weight=None, reduction="mean"):
    if logits.size() != targets.size():
        raise ValueError("shapes differ")
    if reduction not in ["none", "mean", "sum"]:
        raise ValueError(reduction)
    kind = torch.promote_types(torch.float32, logits.dtype)
    x, y = logits.to(kind), targets.to(kind)
    log_p = torch.stack([torch.zeros_like(x), x], dim=0).log_softmax(dim=0)
    shares = torch.stack([1 - y, y], dim=0)
    if pos_weight is not None:
        shares = shares * torch.stack([torch.ones_like(x), pos_weight.to(kind).expand(x.shape)])
    losses = -(shares * log_p).sum(dim=0)
    if weight is not None:
        losses = losses * weight.to(kind)
    if reduction == "none":
        return losses
    total = losses.sum()
    return total if reduction == "sum" or losses.numel() == 0 else total / losses.numel()
