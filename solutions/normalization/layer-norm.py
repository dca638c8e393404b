"""LayerNorm forward."""

import torch
from torch import Tensor


def layer_norm(x: Tensor, weight: Tensor, bias: Tensor, *, eps: float = 1e-5) -> Tensor:
    """Widen, centre, divide by the root of the mean square, and cast back last."""
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    centred = wide - wide.mean(dim=-1, keepdim=True)
    rstd = (centred.square().mean(dim=-1, keepdim=True) + eps).rsqrt()  # (..., 1)
    return (centred * rstd * weight + bias).to(x.dtype)
