"""ReLU, Leaky ReLU and ELU, with gradients."""

import torch
from torch import Tensor


def relu(x: Tensor) -> Tensor:
    """Compute max(x, 0), number by number. The derivative at 0 is 0.

    Of all six functions here: x has any shape, also () and empty, any floating dtype, is
    finite, and may be non-contiguous. All is right for large numbers too, such as 10,000
    and -10,000: nothing becomes NaN or infinite, forward or backward. Computed in at least
    float32, float64 in float64, and rounded once.

    Args:
        x: The numbers.

    Returns:
        Shape and dtype of x. Gradients flow to x, with the derivative as stated, at 0 too.

    Not allowed:
        relu, leaky_relu, elu and their kin (relu6, prelu, rrelu, selu, celu, threshold),
        also as methods and modules.
        Changing an argument in place.

    Source:
        Maas et al. 2013, "Rectifier Nonlinearities Improve Neural Network Acoustic Models",
        https://ai.stanford.edu/~amaas/papers/relu_hybrid_icml2013_final.pdf, and Clevert et
        al. 2015, "Exponential Linear Units", https://arxiv.org/abs/1511.07289
    """
    raise NotImplementedError


def leaky_relu(x: Tensor, *, slope: float = 0.01) -> Tensor:
    """Compute x where x > 0, else slope * x. The derivative at 0 is slope.

    Args:
        x: As for relu.
        slope: Any number, above 1 or below 0 as well.

    Returns:
        As for relu.
    """
    raise NotImplementedError


def elu(x: Tensor, *, alpha: float = 1.0) -> Tensor:
    """Compute x where x > 0, else alpha * (exp(x) - 1). The derivative at 0 is alpha.

    The relative error for x from -80 to 80 is at most 1e-4 in float32 and 1e-10 in
    float64, also near 0: elu(-1e-6) is -1e-6 to so many digits.

    Args:
        x: As for relu.
        alpha: Any number.

    Returns:
        As for relu.
    """
    raise NotImplementedError


def relu_backward(grad: Tensor, x: Tensor) -> Tensor:
    """Pull a gradient back through relu by hand.

    Args:
        grad: Of a loss, by the result of relu(x). Shape and dtype of x, finite.
        x: What went into relu.

    Returns:
        The gradient by x: grad times the derivative at x. Shape and dtype of x.

    Not allowed:
        Autograd, backward or forward. It must also run under torch.inference_mode().
        Changing an argument in place.
    """
    raise NotImplementedError


def leaky_relu_backward(grad: Tensor, x: Tensor, *, slope: float = 0.01) -> Tensor:
    """As relu_backward, for leaky_relu."""
    raise NotImplementedError


def elu_backward(grad: Tensor, x: Tensor, *, alpha: float = 1.0) -> Tensor:
    """As relu_backward, for elu: the derivative is 1 or alpha * exp(x)."""
    raise NotImplementedError
