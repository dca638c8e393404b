"""Bernoulli draws of what is kept, and torch.where."""

import torch


def dropout(x, p=0.5, *, training=True, generator=None):
    if p < 0 or p > 1:
        raise ValueError("p")
    if not training:
        return x.clone()
    chances = torch.full(x.shape, 1 - p, device=x.device)
    kept = torch.bernoulli(chances, generator=generator).bool()
    zero = torch.zeros((), dtype=x.dtype, device=x.device)
    if p == 1:
        return x * zero
    return torch.where(kept, x / (1 - p), zero)
