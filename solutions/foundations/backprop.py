"""Backpropagation through a two-layer MLP by hand."""

import torch
from torch import Tensor


def mlp_gradients(
    x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor, targets: Tensor
) -> tuple[Tensor, dict[str, Tensor]]:
    """Keep what each line of the forward pass made, and go back through the lines."""
    N = x.shape[0]
    rows = torch.arange(N, device=x.device)

    pre = x @ w1 + b1  # (N, F)
    hidden = pre.clamp(min=0)
    logits = hidden @ w2 + b2  # (N, C)
    log_p = logits.log_softmax(dim=-1)
    loss = -log_p[rows, targets].mean()

    # softmax and cross-entropy together: probability less one-hot target
    grad_logits = log_p.exp()
    grad_logits[rows, targets] -= 1
    grad_logits = grad_logits / N

    grad_hidden = grad_logits @ w2.T  # (N, F)
    grad_pre = grad_hidden * (pre > 0)
    return loss, {
        "x": grad_pre @ w1.T,
        "w1": x.T @ grad_pre,
        "b1": grad_pre.sum(dim=0),
        "w2": hidden.T @ grad_logits,
        "b2": grad_logits.sum(dim=0),
    }
