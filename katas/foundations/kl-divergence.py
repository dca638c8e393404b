"""KL divergence between categorical distributions."""

import torch
from torch import Tensor


def kl_divergence(p_logits: Tensor, q_logits: Tensor, *, reduction: str = "mean") -> Tensor:
    """Measure how far the distribution q is from p, in nats.

    With p = softmax(p_logits) and q = softmax(q_logits) over the last axis, one row gives

        KL(p || q) = sum over i of p_i * (log p_i - log q_i)

    Logits need not be normalised: adding a constant to a row changes nothing. Large ones,
    such as 10,000 and -10,000, give the right loss and the right gradients. A logit may be
    -inf, a masked token, as long as its row holds a finite one:

        p_i = 0, if only by rounding, adds 0 to the sum, whatever q_i is, 0 as well.
        q_i = 0 where p_i > 0 makes the loss of the row inf.

    So the loss is never NaN. Where the loss is finite, so are its gradients, and that of a
    logit of -inf is 0.

    Args:
        p_logits: (..., V), any floating dtype, contiguous or not. V is at least 1.
        q_logits: Shape of p_logits, any floating dtype.
        reduction: "none" keeps the divergence of each row, "sum" adds them up, "mean"
            divides that sum by the number of rows, not by the number of entries. The mean
            of no rows is 0, and backward from it runs.

    Returns:
        The shape of p_logits without its last axis for "none", else (). float64 if one of
        the inputs is float64, else float32: all is computed in that dtype. Gradients flow
        to both.

    Raises:
        ValueError: The shapes differ, though they may broadcast, or reduction is none of
            the three.

    Not allowed:
        kl_div, cross_entropy, also as modules, and torch.distributions. softmax and
        log_softmax are allowed.
        Changing an argument in place.

    Source:
        Hinton et al. 2015, "Distilling the Knowledge in a Neural Network", where q is the
        student: https://arxiv.org/abs/1503.02531
    """
    raise NotImplementedError
