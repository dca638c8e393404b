"""GroupNorm."""

import torch
from torch import Tensor


def group_norm(
    x: Tensor, num_groups: int, weight: Tensor, bias: Tensor, *, eps: float = 1e-5
) -> Tensor:
    """Give each group an axis, flatten what it holds, and undo that for weight and bias."""
    C = x.shape[1]
    if C % num_groups:
        raise ValueError(f"channels ({C}) must be a multiple of num_groups ({num_groups})")

    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    groups = torch.unflatten(wide, 1, (num_groups, C // num_groups)).flatten(2)  # (N, G, n)
    centred = groups - groups.mean(dim=-1, keepdim=True)
    rstd = (centred.square().mean(dim=-1, keepdim=True) + eps).rsqrt()  # (N, G, 1)
    n = (centred * rstd).reshape(x.shape)

    per_channel = [C] + [1] * (x.dim() - 2)
    return (n * weight.reshape(per_channel) + bias.reshape(per_channel)).to(x.dtype)
