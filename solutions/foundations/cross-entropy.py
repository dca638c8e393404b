"""Cross-entropy with ignore_index and label smoothing."""

import torch
from torch import Tensor


def cross_entropy(
    logits: Tensor,
    targets: Tensor,
    *,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
) -> Tensor:
    """Gather from log-probabilities that never leave log space."""
    V = logits.shape[1]
    kept = targets != ignore_index
    outside = kept & ((targets < 0) | (targets >= V))
    if outside.any():
        raise ValueError(f"target {targets[outside][0].item()} is not from 0 to {V - 1}")
    if reduction not in ("none", "sum", "mean"):
        raise ValueError(f"reduction must be none, sum or mean, got {reduction!r}")

    dtype = torch.promote_types(logits.dtype, torch.float32)
    logits = logits.to(dtype).movedim(1, -1)  # (N, ..., V)
    shifted = logits - logits.amax(dim=-1, keepdim=True)
    log_p = shifted - shifted.exp().sum(dim=-1, keepdim=True).log()

    index = targets.masked_fill(~kept, 0)  # any class will do: its loss is dropped below
    losses = -log_p.gather(-1, index[..., None]).squeeze(-1)
    if label_smoothing > 0:  # else 0 * inf where a logit is -inf
        losses = (1 - label_smoothing) * losses - label_smoothing * log_p.mean(dim=-1)
    losses = losses.masked_fill(~kept, 0.0)

    if reduction == "none":
        return losses
    return losses.sum() / (kept.sum().clamp(min=1) if reduction == "mean" else 1)
