"""BatchNorm with running statistics."""

import torch
from torch import Tensor


def batch_norm(
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    running_mean: Tensor,
    running_var: Tensor,
    *,
    training: bool,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise each channel over the batch, or by the running statistics.

        y = (x - mean) / sqrt(var + eps) * weight + bias

    Training: mean and var are those of the batch, for each channel over all axes but
    axis 1, over n values in all. var is the biased variance: the sum of squares is divided
    by n. The running statistics move towards those of the batch, in place:

        running = (1 - momentum) * running + momentum * batch

    What goes into running_var is the unbiased variance, divided by n - 1.

    Otherwise: mean and var are running_mean and running_var, which stay as they are.

    Subtract the mean before squaring. mean(x^2) - mean(x)^2 loses its digits when x is far
    from 0, such as 1,000 with a spread of 1 in float32.

    Args:
        x: (N, C) or (N, C, d1, d2, ...), any floating dtype, contiguous or not.
        weight, bias: (C,), any floating dtype.
        running_mean, running_var: (C,), float32 or float64, without gradients. They keep
            their dtype.
        training: Which statistics to use; only training updates the running ones.
        momentum: From 0 to 1, the share of the new batch.
        eps: Added to var, inside the root; no part of what running_var holds.

    Returns:
        The shape and dtype of x, computed in at least float32 (float64 for a float64 x)
        and rounded once, at the end. Gradients flow to x, weight and bias; in training
        through mean and var as well. None flow into the running statistics, which after
        the call still do not require gradients.

    Raises:
        ValueError: training with fewer than 2 values a channel, n < 2. The running
            statistics are then as before. Otherwise N may be 1, or 0.

    Not allowed:
        batch_norm, instance_norm, group_norm and layer_norm, also as modules or as torch's
            own operators.
        Changing x, weight or bias in place.

    Source:
        Ioffe and Szegedy 2015, "Batch Normalization", algorithms 1 and 2, with torch's
        running averages, https://arxiv.org/abs/1502.03167
    """
    raise NotImplementedError
