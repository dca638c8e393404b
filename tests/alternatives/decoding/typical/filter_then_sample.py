"""A filter on the logits in their own order, then a draw by inverse CDF."""

import torch
from torch.distributions import Categorical


def typical_filter(logits, mass):
    dist = Categorical(logits=logits, validate_args=False)
    p = dist.probs
    surprise = -dist.logits
    entropy = torch.where(p > 0, p * surprise, 0.0).sum(-1, keepdim=True)
    gap = (surprise - entropy).abs()
    _, order = torch.sort(gap, stable=True, dim=-1)
    csum = p.gather(-1, order).cumsum(-1)
    count = (csum < mass).sum(-1, keepdim=True) + 1
    remove = torch.arange(p.shape[-1]).expand_as(p) >= count
    return p.masked_fill(torch.zeros_like(remove).scatter(-1, order, remove), 0.0)


def typical_sample(logits, mass, *, temperature=1.0, generator):
    if not 0 < mass <= 1:
        raise ValueError("mass must be in (0, 1]")
    if not temperature > 0:
        raise ValueError("temperature must be positive")
    weights = typical_filter(logits.float() / temperature, mass).double()
    cdf = weights.cumsum(-1)
    u = torch.rand(len(cdf), 1, generator=generator, dtype=torch.float64) * cdf[:, -1:]
    # the first token whose sum passes u: one of weight 0 passes nothing
    return (cdf > u).int().argmax(dim=-1)
