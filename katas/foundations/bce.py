"""Binary cross-entropy from logits."""

import torch
from torch import Tensor


def bce_with_logits(
    logits: Tensor,
    targets: Tensor,
    *,
    weight: Tensor | None = None,
    pos_weight: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Score logits x against targets y, each a probability from 0 to 1.

    torch's binary_cross_entropy_with_logits, but for the dtype of the result and the mean
    of nothing. With p = sigmoid(x) the loss of one number is

        weight * (pos_weight * y * -log p + (1 - y) * -log(1 - p))

    Loss and gradients are right for large logits, such as 10,000 and -10,000, where p is 0
    or 1 in any float, and for logits of 0. All logits are finite.

    Args:
        logits: Any shape, any floating dtype, contiguous or not.
        targets: Shape of logits, any floating dtype. Soft targets such as 0.3 count.
        weight: Broadcasts to logits and scales each loss; None means 1. Not negative, any
            floating dtype.
        pos_weight: Broadcasts to logits, such as (C,) for logits (B, C), and scales the
            term of y alone; None means 1. Not negative, any floating dtype.
        reduction: "none" keeps each loss, "sum" adds them up, "mean" divides that sum by
            the number of losses, whatever the weights are. The mean of no losses is 0, and
            backward from it runs.

    Returns:
        The shape of logits for "none", else (). float32, or float64 for float64 logits:
        all is computed in that dtype. Gradients flow to logits.

    Raises:
        ValueError: targets has another shape than logits, though it may broadcast, or
            reduction is none of the three.

    Not allowed:
        binary_cross_entropy, binary_cross_entropy_with_logits, logsigmoid, softplus,
        cross_entropy and soft_margin_loss, also as modules.
        Changing an argument in place.

    Source:
        Goodfellow et al. 2016, "Deep Learning", section 6.2.2.2,
        https://www.deeplearningbook.org/contents/mlp.html
    """
    raise NotImplementedError
