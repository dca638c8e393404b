"""Unbiased KL and its gradient."""

import torch
from torch import Tensor


def token_kl_loss(
    log_prob: Tensor, old_log_prob: Tensor, ref_log_prob: Tensor, response_mask: Tensor
) -> Tensor:
    """An importance weight, with its gradient, times k3."""
    new, old, ref = (
        _clean(x, response_mask) for x in (log_prob, old_log_prob.detach(), ref_log_prob.detach())
    )
    d = ref - new
    # padding is 0 everywhere by now: its k3 is 0
    weighed = (new - old).exp() * (torch.expm1(d) - d)
    return weighed.sum() / response_mask.sum().clamp(min=1)


def sequence_kl_loss(log_prob: Tensor, ref_log_prob: Tensor, response_mask: Tensor) -> Tensor:
    """The value from one term, the gradient from another whose value is 0."""
    new, ref = _clean(log_prob, response_mask), _clean(ref_log_prob.detach(), response_mask)
    log_ratio = (new - ref).detach()
    cost = log_ratio.flip(1).cumsum(1).flip(1)  # (B, T), from t on
    surrogate = cost * (new - new.detach())
    return (log_ratio + surrogate).sum(dim=1).mean()


def _clean(x: Tensor, response_mask: Tensor) -> Tensor:
    """Wide, and 0 in padding: a product with the mask would keep inf and NaN."""
    dtype = torch.promote_types(x.dtype, torch.float32)
    return x.to(dtype).masked_fill(~response_mask, 0)
