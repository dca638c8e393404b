"""Sigmoid and tanh that never overflow."""

import torch
from torch import Tensor


def sigmoid(x: Tensor) -> Tensor:
    """Compute 1 / (1 + exp(-x)).

    Values and gradients are right for every finite x, such as 10,000, -10,000 and 0:
    nothing overflows on the way, and no gradient is NaN. By autograd or by hand, the
    gradient at 0 is 1/4.

    For x from -80 to 80 the relative error is at most 1e-4 in float32 and 1e-10 in
    float64. So sigmoid(-50) is 1.93e-22, not 0.

    Args:
        x: Any shape, also () and empty, any floating dtype, contiguous or not, finite.

    Returns:
        Shape and dtype of x. Computed in float32, or in float64 if x is float64, and
        rounded once at the end. Gradients flow to x.

    Not allowed:
        sigmoid, tanh, expit, logsigmoid, silu, gelu and glu, also as methods and modules.
        exp, expm1 and log1p are allowed.
        Changing x in place.

    Source:
        Goodfellow et al. 2016, "Deep Learning", section 3.10,
        https://www.deeplearningbook.org/contents/prob.html
    """
    raise NotImplementedError


def tanh(x: Tensor) -> Tensor:
    """Compute (exp(x) - exp(-x)) / (exp(x) + exp(-x)).

    As with sigmoid, values and gradients are right for every finite x; the gradient at 0
    is 1. The relative error for x from -80 to 80 is at most 1e-4 in float32 and 1e-10 in
    float64, also near 0: tanh(1e-6) is 1e-6 to so many digits.

    Args:
        x: As for sigmoid.

    Returns:
        Shape and dtype of x, computed as for sigmoid. Gradients flow to x.

    Not allowed:
        What sigmoid does not allow.
    """
    raise NotImplementedError
