"""KL divergence between categorical distributions."""

import torch
from torch import Tensor


def kl_divergence(p_logits: Tensor, q_logits: Tensor, *, reduction: str = "mean") -> Tensor:
    """Subtract log-probabilities, and lead what p excludes around 0 * inf."""
    if p_logits.shape != q_logits.shape:
        raise ValueError(f"shapes {tuple(p_logits.shape)} and {tuple(q_logits.shape)} differ")
    if reduction not in ("none", "sum", "mean"):
        raise ValueError(f"reduction must be none, sum or mean, got {reduction!r}")

    dtype = torch.promote_types(torch.promote_types(p_logits.dtype, q_logits.dtype), torch.float32)
    log_p = p_logits.to(dtype).log_softmax(dim=-1)
    log_q = q_logits.to(dtype).log_softmax(dim=-1)
    # -inf less anything, times 0, is NaN; filled before the product, it stays out of the
    # gradient as well
    gap = (log_p - log_q).masked_fill(log_p.exp() == 0, 0.0)
    losses = (log_p.exp() * gap).sum(dim=-1)

    if reduction == "none":
        return losses
    return losses.sum() / (max(losses.numel(), 1) if reduction == "mean" else 1)
