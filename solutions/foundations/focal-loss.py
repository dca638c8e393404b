"""Focal loss."""

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid


def focal_loss(
    logits: Tensor,
    targets: Tensor,
    *,
    alpha: float | None = 0.25,
    gamma: float = 2.0,
    reduction: str = "mean",
) -> Tensor:
    """p_t is the sigmoid of a margin; (1 - p_t)^gamma stays in log space."""
    if targets.shape != logits.shape:
        raise ValueError(f"targets {tuple(targets.shape)} for logits {tuple(logits.shape)}")
    if reduction not in ("none", "sum", "mean"):
        raise ValueError(f"reduction must be none, sum or mean, got {reduction!r}")
    positive = targets == 1
    if not (positive | (targets == 0)).all():
        raise ValueError("targets must be 0 or 1")

    x = logits.to(torch.promote_types(logits.dtype, torch.float32))
    margin = torch.where(positive, x, -x)
    # 1 - sigmoid(m) = sigmoid(-m), without the digits that a subtraction would lose
    losses = -(gamma * logsigmoid(-margin)).exp() * logsigmoid(margin)
    if alpha is not None:
        losses = torch.where(positive, alpha * losses, (1 - alpha) * losses)

    if reduction == "none":
        return losses
    return losses.sum() / (max(losses.numel(), 1) if reduction == "mean" else 1)
