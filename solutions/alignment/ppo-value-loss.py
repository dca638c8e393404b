"""PPO clipped value loss."""

import torch
from torch import Tensor


def compute_value_loss(
    vpreds: Tensor,
    returns: Tensor,
    values: Tensor,
    response_mask: Tensor,
    cliprange_value: float,
) -> tuple[Tensor, Tensor]:
    """The larger of two squared errors, averaged over response tokens."""
    dtype = torch.promote_types(vpreds.dtype, torch.float32)
    # inf and NaN in padding are replaced: a product with the mask would keep them
    vpreds, returns, values = (
        x.to(dtype).masked_fill(~response_mask, 0)
        for x in (vpreds, returns.detach(), values.detach())
    )
    vpred_clipped = vpreds.clamp(values - cliprange_value, values + cliprange_value)
    unclipped = (vpreds - returns).square()
    clipped = (vpred_clipped - returns).square()

    # padding is 0 everywhere by now: it adds nothing
    tokens = response_mask.sum().clamp(min=1)
    vf_loss = torch.maximum(unclipped, clipped).sum() / tokens / 2
    return vf_loss, (clipped > unclipped).sum().to(dtype) / tokens
