"""LayerNorm backward by hand."""

import torch
from torch import Tensor


def layer_norm_backward(
    grad_out: Tensor, x: Tensor, weight: Tensor, *, eps: float = 1e-5
) -> tuple[Tensor, Tensor, Tensor]:
    """Take from the gradient of n what the forward pass removes: its parts along 1 and n."""
    dtype = torch.promote_types(x.dtype, torch.float32)
    D = x.shape[-1]
    g, rows = (tensor.to(dtype).reshape(-1, D) for tensor in (grad_out, x))  # (N, D)

    centred = rows - rows.mean(dim=-1, keepdim=True)
    rstd = (centred.square().mean(dim=-1, keepdim=True) + eps).rsqrt()  # (N, 1)
    n = centred * rstd

    grad_n = g * weight
    through_mean = grad_n.mean(dim=-1, keepdim=True)  # (N, 1)
    through_var = n * (grad_n * n).mean(dim=-1, keepdim=True)  # (N, D)
    grad_x = rstd * (grad_n - through_mean - through_var)

    grad_weight = (g * n).sum(dim=0)
    grad_bias = g.sum(dim=0)
    return (
        grad_x.reshape(x.shape).to(x.dtype),
        grad_weight.to(weight.dtype),
        grad_bias.to(weight.dtype),
    )
