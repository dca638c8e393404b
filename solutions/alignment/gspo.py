"""GSPO: sequence-level ratio."""

import torch
from torch import Tensor


def gspo_loss(
    log_prob: Tensor,
    old_log_prob: Tensor,
    advantages: Tensor,
    response_mask: Tensor,
    *,
    clip_low: float = 3e-4,
    clip_high: float = 4e-4,
) -> tuple[Tensor, Tensor]:
    """The ratio is exp of a mean of log-ratios, a geometric mean of token ratios."""
    ratio = _log_ratio(log_prob, old_log_prob, response_mask).exp()  # (B,)
    A = advantages.detach().to(ratio.dtype)
    # for a response without tokens ratio is 1, but its loss is 0
    A = A.masked_fill(~response_mask.any(dim=1), 0)
    loss, clipped = _clipped_loss(ratio, A, clip_low, clip_high)
    return loss.mean(), clipped.mean()


def gspo_token_loss(
    log_prob: Tensor,
    old_log_prob: Tensor,
    advantages: Tensor,
    response_mask: Tensor,
    *,
    clip_low: float = 3e-4,
    clip_high: float = 4e-4,
) -> tuple[Tensor, Tensor]:
    """The value of the response's ratio, the gradient of the token's own."""
    ratio = _log_ratio(log_prob, old_log_prob, response_mask).exp().detach()  # (B,)
    own = log_prob.to(ratio.dtype).masked_fill(~response_mask, 0)
    ratios = ratio[:, None] * (own - own.detach()).exp()  # (B, T)
    A = advantages.detach().to(ratio.dtype).masked_fill(~response_mask, 0)
    lengths = response_mask.sum(dim=1).clamp(min=1)
    loss, clipped = _clipped_loss(ratios, A, clip_low, clip_high)
    return (loss.sum(dim=1) / lengths).mean(), (clipped.sum(dim=1) / lengths).mean()


def _log_ratio(log_prob: Tensor, old_log_prob: Tensor, response_mask: Tensor) -> Tensor:
    """(B,): the mean over tokens; 0 without any."""
    dtype = torch.promote_types(log_prob.dtype, torch.float32)
    # replaced before the difference: inf - inf is NaN, and 0 * NaN its gradient
    new = log_prob.to(dtype).masked_fill(~response_mask, 0)
    old = old_log_prob.detach().to(dtype).masked_fill(~response_mask, 0)
    return (new - old).sum(dim=1) / response_mask.sum(dim=1).clamp(min=1)


def _clipped_loss(ratio: Tensor, A: Tensor, low: float, high: float) -> tuple[Tensor, Tensor]:
    """-min of the two objectives, and 1 where the clip counts."""
    plain, clipped = ratio * A, ratio.clamp(1 - low, 1 + high) * A
    return -torch.minimum(plain, clipped), (clipped < plain).to(ratio.dtype)
