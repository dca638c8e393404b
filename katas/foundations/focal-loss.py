"""Focal loss."""

import torch
from torch import Tensor


def focal_loss(
    logits: Tensor,
    targets: Tensor,
    *,
    alpha: float | None = 0.25,
    gamma: float = 2.0,
    reduction: str = "mean",
) -> Tensor:
    """Score binary logits so that examples that are easy already hardly count.

    With p = sigmoid(logit), let p_t be p where the target is 1 and 1 - p where it is 0,
    and alpha_t be alpha and 1 - alpha likewise. The loss of one number is

        -alpha_t * (1 - p_t)^gamma * log(p_t)

    Loss and gradients are right for large logits, such as 10,000 and -10,000, and for
    logits of 0. Gradients flow through (1 - p_t)^gamma as well.

    Args:
        logits: Any shape, any floating dtype, contiguous or not, finite.
        targets: Shape of logits, 0 or 1 in each place: any floating dtype, bool or an
            integer dtype.
        alpha: The weight of target 1, from 0 to 1; that of target 0 is 1 - alpha. None
            weighs both by 1.
        gamma: At least 0, whole or not, such as 0.5. 0 leaves the cross-entropy.
        reduction: "none" keeps each loss, "sum" adds them up, "mean" divides that sum by
            the number of losses. The mean of no losses is 0, and backward from it runs.

    Returns:
        The shape of logits for "none", else (). float32, or float64 for float64 logits:
        all is computed in that dtype. Gradients flow to logits.

    Raises:
        ValueError: targets has another shape than logits, though it may broadcast; a
            target is neither 0 nor 1; or reduction is none of the three.

    Not allowed:
        torchvision.
        Changing an argument in place.

    Source:
        Lin et al. 2017, "Focal Loss for Dense Object Detection", section 3,
        https://arxiv.org/abs/1708.02002
    """
    raise NotImplementedError
