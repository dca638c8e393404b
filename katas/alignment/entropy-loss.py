"""veRL compute_entropy_loss."""

import torch
from torch import Tensor


def compute_entropy_loss(logits: Tensor, response_mask: Tensor) -> Tensor:
    """The mean entropy of the policy's next-token distributions, in nats.

    The entropy of one position is -sum over the vocabulary of p * log(p), p = softmax of
    its logits. The mean is over the response tokens of the whole batch: the sum of their
    entropies divided by their number. Without any, loss and gradient are 0.

    The result is the entropy itself, without another minus: a trainer subtracts it, times
    a coefficient, from the loss.

    A logit of -inf is a token that is never drawn: it adds 0, and its gradient is 0.
    The level of the logits does not count: the result keeps its precision if 30,000 is
    added to all of them, as far as the dtype of the logits holds their differences.

    Args:
        logits: (B, T, V), V >= 1, any floating dtype. At a response token at least one is
            finite, and none is +inf or NaN.
        response_mask: (B, T) bool. True on response tokens, which need not be contiguous.

    Returns:
        Scalar on the device of logits; float32, or float64 for float64 logits; computed in
        no less. Gradients flow into logits. What stands where response_mask is false, even
        NaN or a row of -inf, changes neither the loss nor the gradient, which is 0 there.

    Not allowed:
        torch.distributions. Changing an argument in place.

    Source:
        veRL, verl/trainer/ppo/core_algos.py, with its loss_agg_mode "token-mean".
        The term in a policy's loss: Mnih et al. 2016, "Asynchronous Methods for Deep
        Reinforcement Learning", https://arxiv.org/abs/1602.01783, which credits Williams and
        Peng 1991.
    """
    raise NotImplementedError
