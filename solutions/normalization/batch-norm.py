"""BatchNorm with running statistics."""

import torch
from torch import Tensor


def batch_norm(
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    running_mean: Tensor,
    running_var: Tensor,
    *,
    training: bool,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Move the channels to the end, where (C,) broadcasts, and back."""
    wide = x.to(torch.promote_types(x.dtype, torch.float32)).movedim(1, -1)  # (N, ..., C)
    if training:
        rows = wide.reshape(-1, x.shape[1])  # (n, C)
        n = rows.shape[0]
        if n < 2:
            raise ValueError(f"training needs at least 2 values a channel, got {n}")
        mean = rows.mean(dim=0)
        var = (rows - mean).square().mean(dim=0)
        for running, batch in (running_mean, mean), (running_var, var * n / (n - 1)):
            running.lerp_(batch.detach().to(running.dtype), momentum)
    else:
        mean, var = running_mean, running_var
    y = (wide - mean) * (var + eps).rsqrt() * weight + bias
    return y.movedim(-1, 1).to(x.dtype)
