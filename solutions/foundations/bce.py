"""Binary cross-entropy from logits."""

import torch
from torch import Tensor


def bce_with_logits(
    logits: Tensor,
    targets: Tensor,
    *,
    weight: Tensor | None = None,
    pos_weight: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-log(1 - p) = log(1 + exp(x)), and -log p is that less x."""
    if targets.shape != logits.shape:
        raise ValueError(f"targets {tuple(targets.shape)} for logits {tuple(logits.shape)}")
    if reduction not in ("none", "sum", "mean"):
        raise ValueError(f"reduction must be none, sum or mean, got {reduction!r}")

    x = logits.to(torch.promote_types(logits.dtype, torch.float32))
    y = targets.to(x.dtype)
    # log(exp(0) + exp(x)): the larger exponent is taken out, for x of either sign
    no = torch.logaddexp(x, torch.zeros_like(x))
    yes = torch.logaddexp(-x, torch.zeros_like(x))
    if pos_weight is not None:
        yes = yes * pos_weight.to(x.dtype)
    losses = y * yes + (1 - y) * no
    if weight is not None:
        losses = losses * weight.to(x.dtype)

    if reduction == "none":
        return losses
    return losses.sum() / (max(losses.numel(), 1) if reduction == "mean" else 1)
