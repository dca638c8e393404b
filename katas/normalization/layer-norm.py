"""LayerNorm forward."""

import torch
from torch import Tensor


def layer_norm(x: Tensor, weight: Tensor, bias: Tensor, *, eps: float = 1e-5) -> Tensor:
    """Bring each vector to mean 0 and variance 1, then scale and shift it as learned.

        y = (x - mean(x)) / sqrt(var(x) + eps) * weight + bias

    mean and var are over the last axis, of width D. var is the biased variance: the sum of
    squares is divided by D.

    Subtract the mean before squaring. mean(x^2) - mean(x)^2 loses its digits when x is far
    from 0, such as 1,000 with a spread of 1 in float32.

    All of this is computed in float32, or in float64 for a float64 x, and rounded once:
    the cast back to the dtype of x comes last.

    Args:
        x: (..., D), any floating dtype, contiguous or not. There may be no leading axes,
            or axes of length 0.
        weight, bias: (D,), any floating dtype, which need not be that of x.
        eps: Added to the variance, inside the root. A constant vector gives bias.

    Returns:
        (..., D), dtype of x, whatever that of weight and bias. Gradients flow to x, weight
        and bias, through mean and var as well.

    Not allowed:
        layer_norm, group_norm, batch_norm and instance_norm, also as modules or as torch's
            own operators.
        Changing x, weight or bias in place.

    Source:
        Ba, Kiros and Hinton 2016, "Layer Normalization", https://arxiv.org/abs/1607.06450
    """
    raise NotImplementedError
