"""A running maximum and sum, as an online softmax keeps them."""

import torch


def _normaliser(x):
    m = torch.full(x.shape[:-1], float("-inf"), dtype=x.dtype)
    s = torch.zeros(x.shape[:-1], dtype=x.dtype)
    for start in range(0, x.shape[-1], 1024):
        block = x[..., start : start + 1024]
        new = torch.maximum(m, block.detach().amax(-1))
        # -inf less -inf is NaN: a slice may begin with masked tokens
        safe = new.masked_fill(new == float("-inf"), 0.0)
        s = s * (m - safe).exp() + (block - safe[..., None]).exp().sum(-1)
        m = new
    return m[..., None], s[..., None]


def _prepare(x, dim):
    return x.to(torch.promote_types(x.dtype, torch.float32)).movedim(dim, -1)


def softmax(x, dim=-1):
    y = _prepare(x, dim)
    m, s = _normaliser(y)
    return ((y - m).exp() / s).movedim(-1, dim).to(x.dtype)


def log_softmax(x, dim=-1):
    y = _prepare(x, dim)
    m, s = _normaliser(y)
    return ((y - m) - s.log()).movedim(-1, dim).to(x.dtype)
