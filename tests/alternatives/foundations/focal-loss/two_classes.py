"""Log-probabilities of two classes by log_softmax, gathered."""

import torch


def focal_loss(logits, targets, *, alpha=0.25, gamma=2.0, reduction="mean"):
    if targets.shape != logits.shape:
        raise ValueError("targets have another shape")
    labels = targets.long()
    if bool((labels != targets).any()) or bool(((labels < 0) | (labels > 1)).any()):
        raise ValueError("targets other than 0 and 1")
    x = logits.to(torch.promote_types(logits.dtype, torch.float32)).unsqueeze(-1)
    log_p = torch.cat([torch.zeros_like(x), x], dim=-1).log_softmax(dim=-1)
    mine = log_p.gather(-1, labels.unsqueeze(-1)).squeeze(-1)
    other = log_p.gather(-1, 1 - labels.unsqueeze(-1)).squeeze(-1)
    losses = -torch.exp(gamma * other) * mine
    if alpha is not None:
        losses = torch.where(labels == 1, alpha * losses, (1 - alpha) * losses)
    if reduction == "mean":
        return losses.sum() / max(1, losses.numel())
    if reduction == "sum":
        return losses.sum()
    if reduction != "none":
        raise ValueError("reduction")
    return losses
