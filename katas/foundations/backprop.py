"""Backpropagation through a two-layer MLP by hand."""

import torch
from torch import Tensor


def mlp_gradients(
    x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor, targets: Tensor
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the loss of a small classifier and all of its gradients, worked out by hand.

        hidden = relu(x @ w1 + b1)
        logits = hidden @ w2 + b2
        loss = mean over the N rows of -log softmax(logits)[target]

    The gradient of relu at 0 is 0. Loss and gradients stay finite for large logits, such
    as 10,000 and -10,000.

    Args:
        x: (N, D), N at least 1, float32 or float64. It and the weights may be contiguous
            or not.
        w1, b1: (D, F) and (F,), dtype of x.
        w2, b2: (F, C) and (C,), dtype of x.
        targets: (N,), int64, from 0 to C - 1. Two rows may have the same target.

    Returns:
        (loss, grads), computed in the dtype of x and on its device:
        loss: ().
        grads: A dict with the keys "x", "w1", "b1", "w2", "b2": the gradient of loss by
            each, in its shape.

    Not allowed:
        Autograd, backward or forward: backward, torch.autograd.grad, torch.func.grad, vjp,
            requires_grad_ and the like. It must also run under torch.inference_mode().
        Changing an argument in place.

    Source:
        Goodfellow, Bengio and Courville 2016, "Deep Learning", section 6.5,
        https://www.deeplearningbook.org/contents/mlp.html
    """
    raise NotImplementedError
