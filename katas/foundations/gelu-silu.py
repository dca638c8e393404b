"""GELU (exact and tanh) and SiLU/Swish."""

import math

import torch
from torch import Tensor


def gelu(x: Tensor, *, approximate: str = "none") -> Tensor:
    """Weigh x by the chance that a standard normal number is below it, x * Phi(x).

    "none" is exact, with Phi(x) = (1 + erf(x / sqrt(2))) / 2. "tanh" puts
    tanh(sqrt(2 / pi) * (x + 0.044715 x^3)) in the place of the erf.

    Args:
        x: Any shape, also () and empty, any floating dtype, contiguous or not. Values and
            gradients are finite for x up to 10,000 in size.
        approximate: "none" or "tanh".

    Returns:
        Shape and dtype of x. Computed in float32, or in float64 if x is float64, and
        rounded once at the end. Gradients flow to x.

    Raises:
        ValueError: approximate is neither "none" nor "tanh".

    Not allowed:
        gelu, silu and mish, also as modules. erf, tanh and sigmoid are allowed.
        Changing x in place.

    Source:
        Hendrycks and Gimpel 2016, "Gaussian Error Linear Units (GELUs)",
        https://arxiv.org/abs/1606.08415
    """
    raise NotImplementedError


def silu(x: Tensor, *, beta: float = 1.0) -> Tensor:
    """Compute x * sigmoid(beta * x): SiLU for beta = 1, and Swish for any beta.

    Args:
        x: As for gelu.
        beta: Any float from -10 to 10. 0 gives x / 2.

    Returns:
        Shape and dtype of x, computed as for gelu. Gradients flow to x.

    Not allowed:
        What gelu does not allow.

    Source:
        Ramachandran et al. 2017, "Searching for Activation Functions",
        https://arxiv.org/abs/1710.05941
    """
    raise NotImplementedError
