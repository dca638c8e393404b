"""Stable softmax and log-softmax."""

import torch
from torch import Tensor


def softmax(x: Tensor, dim: int = -1) -> Tensor:
    """Turn the numbers along dim into probabilities, exp(x_i) / sum over j of exp(x_j).

    No number is too large: [10,000, 10,000, -10,000] gives [0.5, 0.5, 0]. Each slice
    along dim stands by itself, however much larger the numbers of another slice are.

    A number may be -inf, a masked token: its probability and its gradient are 0, and the
    others are as if it were not there. At least one number of each slice is finite, and
    none is +inf or NaN.

    Args:
        x: Any shape of one or more axes, any floating dtype, contiguous or not. Axis dim
            has a size of at least 1; another may have size 0.
        dim: The axis to normalise over, negative to count from the last.

    Returns:
        Shape and dtype of x. Computed in float32, or in float64 if x is float64, and
        rounded once at the end. Gradients flow to x.

    Not allowed:
        softmax, log_softmax, logsumexp and cross_entropy, also as methods and modules.
        Changing x in place.

    Source:
        Milakov and Gimelshein 2018, "Online normalizer calculation for softmax", for the
        safe softmax: https://arxiv.org/abs/1805.02867
    """
    raise NotImplementedError


def log_softmax(x: Tensor, dim: int = -1) -> Tensor:
    """Compute log(softmax(x, dim)) without leaving log space.

    A probability too small for a float still has its logarithm: [0, -10,000] gives
    [0, -10,000]. Where x is -inf, so is the result, and the others stay finite.

    Args:
        x: As for softmax.
        dim: As for softmax.

    Returns:
        Shape and dtype of x, computed as for softmax. Gradients flow to x.

    Not allowed:
        What softmax does not allow.
    """
    raise NotImplementedError
