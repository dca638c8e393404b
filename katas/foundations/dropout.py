"""Inverted dropout, train and eval."""

import torch
from torch import Tensor


def dropout(
    x: Tensor,
    p: float = 0.5,
    *,
    training: bool = True,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Set each number to 0 with probability p, and scale up those that are kept.

    Each number of x is dropped or kept by itself, independently of all others. One that is
    kept becomes x / (1 - p), so that the mean stays what it was and inference needs no
    scaling. p = 0 keeps all; p = 1 drops all, and gives zeros and gradients of 0, not NaN.

    When not training, the result is x itself or a copy of it, and no random number is
    drawn.

    Args:
        x: Any shape, also () and empty, any floating dtype, finite.
        p: From 0 to 1, the probability of being dropped, not of being kept. Exact to 1e-5
            whatever the dtype of x is.
        training: Whether to drop anything.
        generator: Where all random numbers come from; None is torch's global generator,
            which is left alone otherwise. The generator is on the device of x. It is not
            reseeded: the next call draws another mask, and the same state gives the same
            mask for x of the same shape, strides and dtype.

    Returns:
        Shape, dtype and device of x. Kept numbers are computed in float32, or in float64
        if x is float64, and rounded once. Gradients flow to x: 1 / (1 - p) where a number
        is kept, 0 where it is dropped.

    Raises:
        ValueError: p is below 0 or above 1, whether training or not.

    Not allowed:
        dropout and all of its kind, such as alpha_dropout, also as modules.
        Changing x in place.

    Source:
        Hinton et al. 2012, "Improving neural networks by preventing co-adaptation of
        feature detectors", which scales at test time instead:
        https://arxiv.org/abs/1207.0580
    """
    raise NotImplementedError
