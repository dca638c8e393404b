"""PPO clipped policy loss (veRL vanilla, dual clip)."""

import torch
from torch import Tensor


def compute_policy_loss(
    old_log_prob: Tensor,
    log_prob: Tensor,
    advantages: Tensor,
    response_mask: Tensor,
    cliprange: float = 0.2,
    cliprange_low: float | None = None,
    cliprange_high: float | None = None,
    clip_ratio_c: float = 3.0,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Blank what is masked: a token with A = 0 and log_ratio = 0 adds 0 to every sum."""
    if clip_ratio_c <= 1:
        raise ValueError(f"clip_ratio_c must be above 1, got {clip_ratio_c}")
    low = cliprange if cliprange_low is None else cliprange_low
    high = cliprange if cliprange_high is None else cliprange_high

    dtype = torch.promote_types(log_prob.dtype, torch.float32)
    # before exp, not after: the gradient of a masked inf is 0 * inf
    new, old, A = (
        x.to(dtype).masked_fill(~response_mask, 0)
        for x in (log_prob, old_log_prob.detach(), advantages.detach())
    )
    tokens = response_mask.sum().clamp(min=1)

    log_ratio = (new - old).clamp(-20, 20)
    ratio = log_ratio.exp()
    unclipped, clipped = -A * ratio, -A * ratio.clamp(1 - low, 1 + high)
    loss = torch.maximum(unclipped, clipped)
    ceiling = -A * clip_ratio_c
    beyond = (A < 0) & (loss > ceiling)

    return (
        torch.where(beyond, ceiling, loss).sum() / tokens,
        (clipped > unclipped).to(dtype).sum() / tokens,
        -log_ratio.detach().sum() / tokens,
        beyond.to(dtype).sum() / tokens,
    )
