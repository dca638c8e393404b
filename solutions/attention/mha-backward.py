"""Multi-head attention backward by hand."""

import math

import torch
from torch import Tensor


def mha_backward(
    grad_out: Tensor,
    x: Tensor,
    w_q: Tensor,
    w_k: Tensor,
    w_v: Tensor,
    w_o: Tensor,
    n_heads: int,
    *,
    causal: bool = True,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Go forward once, then back through each line in reverse order."""
    if x.shape[2] % n_heads:
        raise ValueError(f"d_model ({x.shape[2]}) must be a multiple of n_heads ({n_heads})")
    dtype = torch.promote_types(x.dtype, torch.float32)
    g, x_, w_q, w_k, w_v, w_o = (t.to(dtype) for t in (grad_out, x, w_q, w_k, w_v, w_o))

    def split(y: Tensor) -> Tensor:
        return torch.unflatten(y, -1, (n_heads, -1)).transpose(1, 2)  # (B, H, T, D)

    def merge(y: Tensor) -> Tensor:
        return y.transpose(1, 2).flatten(2)  # (B, T, d_model)

    q, k, v = split(x_ @ w_q.mT), split(x_ @ w_k.mT), split(x_ @ w_v.mT)
    scale = 1 / math.sqrt(q.shape[-1])
    scores = q @ k.mT * scale  # (B, H, T, T)
    if causal:
        later = torch.ones_like(scores, dtype=torch.bool).triu(1)
        scores = scores.masked_fill(later, float("-inf"))
    weights = scores.softmax(dim=-1)
    heads = merge(weights @ v)

    grad_heads = split(g @ w_o)
    grad_v = weights.mT @ grad_heads
    grad_weights = grad_heads @ v.mT  # (B, H, T, T)
    # of a row: what raises all weights alike changes nothing, for they sum to 1
    mean = (grad_weights * weights).sum(dim=-1, keepdim=True)
    grad_scores = weights * (grad_weights - mean) * scale
    grad_q, grad_k = grad_scores @ k, grad_scores.mT @ q

    g_q, g_k, g_v = merge(grad_q), merge(grad_k), merge(grad_v)
    grads = [g_q @ w_q + g_k @ w_k + g_v @ w_v]
    for out, into in ((g_q, x_), (g_k, x_), (g_v, x_), (g, heads)):
        grads.append(torch.einsum("bto, bti -> oi", out, into))
    grad_x, grad_w_q, grad_w_k, grad_w_v, grad_w_o = (grad.to(x.dtype) for grad in grads)
    return grad_x, grad_w_q, grad_w_k, grad_w_v, grad_w_o
