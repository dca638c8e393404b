"""LayerNorm backward by hand."""

import torch
from torch import Tensor


def layer_norm_backward(
    grad_out: Tensor, x: Tensor, weight: Tensor, *, eps: float = 1e-5
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of x, weight and bias, worked out by hand.

    The forward pass normalises over the last axis, of width D:

        y = (x - mean(x)) / sqrt(var(x) + eps) * weight + bias

    var is the biased variance: the sum of squares is divided by D. mean and var depend
    on x, so gradients flow through both. Nothing was saved: work out mean and var again.

    Subtract the mean before squaring. mean(x^2) - mean(x)^2 loses its digits when x is
    far from 0, such as 1,000 with a spread of 1 in float32.

    Args:
        grad_out: (..., D), the gradient of the loss by y, dtype of x, contiguous or not.
        x: (..., D), any floating dtype, contiguous or not. There may be no leading axes,
            or axes of length 0.
        weight: (D,), any floating dtype, which need not be that of x.
        eps: Added to the variance, inside the root, so a constant vector is no special case.

    Returns:
        (grad_x, grad_weight, grad_bias), computed in float32, or in float64 for a float64
        x, and rounded once at the end, sums included:
        grad_x: (..., D), dtype of x.
        grad_weight, grad_bias: (D,), dtype of weight. Sums over all leading axes: 0 where
            these are empty.

    Not allowed:
        Autograd, backward or forward: backward, torch.autograd.grad, torch.func.grad, vjp,
            requires_grad_ and the like. It must also run under torch.inference_mode().
        layer_norm and native_layer_norm_backward.
        Changing grad_out, x or weight in place.

    Source:
        Ba, Kiros and Hinton 2016, "Layer Normalization", https://arxiv.org/abs/1607.06450
    """
    raise NotImplementedError
