"""GroupNorm."""

import torch
from torch import Tensor


def group_norm(
    x: Tensor, num_groups: int, weight: Tensor, bias: Tensor, *, eps: float = 1e-5
) -> Tensor:
    """Normalise groups of neighbouring channels, each sample by itself.

        y = (x - mean) / sqrt(var + eps) * weight + bias

    The C channels of axis 1 are split into num_groups groups of C / num_groups
    neighbours: with C=6 and num_groups=2, channels 0-2 and 3-5. mean and var are over one
    sample's channels of a group and all positions d1, d2, ... at once. var is the biased
    variance: the sum of squares is divided by the count. weight and bias belong to
    channels, not to groups.

    Subtract the mean before squaring. mean(x^2) - mean(x)^2 loses its digits when x is far
    from 0, such as 1,000 with a spread of 1 in float32.

    Args:
        x: (N, C) or (N, C, d1, d2, ...), any floating dtype, contiguous or not. N may
            be 0.
        num_groups: At least 1.
        weight, bias: (C,), any floating dtype, which need not be that of x.
        eps: Added to var, inside the root. A group of equal values gives bias.

    Returns:
        The shape and dtype of x, computed in at least float32 (float64 for a float64 x)
        and rounded once, at the end. Gradients flow to x, weight and bias, through mean
        and var as well.

    Raises:
        ValueError: C is not a multiple of num_groups.

    Not allowed:
        group_norm, layer_norm, instance_norm and batch_norm, also as modules or as torch's
            own operators.
        Changing x, weight or bias in place.

    Source:
        Wu and He 2018, "Group Normalization", https://arxiv.org/abs/1803.08494
    """
    raise NotImplementedError
