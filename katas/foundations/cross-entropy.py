"""Cross-entropy with ignore_index and label smoothing."""

import torch
from torch import Tensor


def cross_entropy(
    logits: Tensor,
    targets: Tensor,
    *,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
) -> Tensor:
    """Score logits against class indices.

    torch's cross_entropy, but for the dtype of the result, the mean of no targets and
    the type of the errors. With p = softmax(logits) over V classes, the loss of target t is

        (1 - label_smoothing) * -log p[t] + label_smoothing * mean of -log p over all V

    Loss and gradients are finite for large logits, such as 10,000 and -10,000. A logit may
    also be -inf, a masked token: with label_smoothing 0 it has probability 0 and gradient
    0, and the losses of other targets stay finite.

    Where a target equals ignore_index, its loss and the gradient of its logits are 0, with
    label smoothing too.

    Args:
        logits: (N, V) or (N, V, d1, d2, ...), any floating dtype, contiguous or not. The
            classes are axis 1.
        targets: (N,) or (N, d1, d2, ...), int64, from 0 to V - 1 or ignore_index.
        ignore_index: Any int. It may also be one of 0 to V - 1, such as a padding token.
        label_smoothing: From 0 to 1.
        reduction: "none" keeps each loss, "sum" adds them up, "mean" divides that sum by
            the number of targets that are not ignored. Where there are none (all ignored,
            or N = 0), the mean is 0, and backward from it runs and gives 0; in torch it
            is NaN.

    Returns:
        The shape of targets for "none", else (). float32, or float64 for float64 logits:
        all is computed in that dtype, and a loss in bfloat16 would be too coarse to log.
        Gradients flow to logits.

    Raises:
        ValueError: A target is neither ignore_index nor from 0 to V - 1, or reduction is
            none of the three.

    Not allowed:
        cross_entropy, nll_loss, log_softmax and logsumexp, also as modules.
        Changing logits or targets in place.

    Source:
        Szegedy et al. 2015, "Rethinking the Inception Architecture for Computer Vision",
        section 7, for label smoothing: https://arxiv.org/abs/1512.00567
    """
    raise NotImplementedError
