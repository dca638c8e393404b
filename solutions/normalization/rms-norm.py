"""RMSNorm, with fp32 accumulation."""

import torch
from torch import Tensor


def rms_norm(x: Tensor, weight: Tensor, *, eps: float = 1e-6) -> Tensor:
    """Widen, take the root of the mean square, scale, and cast back last."""
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    scale = (wide.square().mean(dim=-1, keepdim=True) + eps).rsqrt()  # (..., 1)
    return (wide * scale * weight).to(x.dtype)
