"""Mean squared error and its gradient."""

import torch
from torch import Tensor


def mse_loss(pred: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """Score predictions by (pred - target)^2, number by number.

    Subtract before squaring. pred^2 - 2 pred target + target^2 loses its digits when both
    are large, such as 10,000 and 10,001 in float32.

    Args:
        pred: Any shape, also () and empty, any floating dtype, contiguous or not.
        target: Shape of pred, any floating dtype.
        reduction: "none" keeps each loss, "sum" adds them up, "mean" divides that sum by
            the number of losses. The mean of no losses is 0, and backward from it runs.

    Returns:
        The shape of pred for "none", else (). float64 if one of the inputs is float64,
        else float32: all is computed in that dtype. Gradients flow to pred and target.

    Raises:
        ValueError: target has another shape than pred, though it may broadcast, or
            reduction is none of the three.

    Not allowed:
        mse_loss, huber_loss and smooth_l1_loss of torch, also as modules.
        Changing an argument in place.

    Source:
        Goodfellow et al. 2016, "Deep Learning", section 5.1.4,
        https://www.deeplearningbook.org/contents/ml.html
    """
    raise NotImplementedError


def mse_gradient(pred: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """Work out the derivative of mse_loss by pred, by hand.

    Args:
        pred, target: As for mse_loss.
        reduction: As for mse_loss. For "none", the derivative of each number's own loss.

    Returns:
        Shape and dtype of pred, computed in the dtype in which mse_loss computes, and
        rounded once.

    Raises:
        ValueError: As for mse_loss.

    Not allowed:
        Autograd, backward or forward. It must also run under torch.inference_mode().
        Changing an argument in place.
    """
    raise NotImplementedError
