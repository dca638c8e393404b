"""ReLU, Leaky ReLU and ELU, with gradients."""

import torch
from torch import Tensor


def relu(x: Tensor) -> Tensor:
    """Each is one choice by the sign, so 0 falls on the left, with its derivative."""
    return torch.where(x > 0, x, torch.zeros_like(x))


def leaky_relu(x: Tensor, *, slope: float = 0.01) -> Tensor:
    return torch.where(x > 0, x, slope * x)


def elu(x: Tensor, *, alpha: float = 1.0) -> Tensor:
    """Show expm1 no positive numbers: where() would pass the NaN of an overflow back."""
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    left = alpha * torch.expm1(wide.masked_fill(x > 0, 0.0))
    return torch.where(x > 0, wide, left).to(x.dtype)


def relu_backward(grad: Tensor, x: Tensor) -> Tensor:
    return grad * (x > 0)


def leaky_relu_backward(grad: Tensor, x: Tensor, *, slope: float = 0.01) -> Tensor:
    return torch.where(x > 0, grad, grad * slope)


def elu_backward(grad: Tensor, x: Tensor, *, alpha: float = 1.0) -> Tensor:
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    left = alpha * torch.exp(wide)
    return (grad * left.masked_fill(x > 0, 1.0)).to(x.dtype)
