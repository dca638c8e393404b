"""Gumbel noise on the logits that stay; ranks from two argsorts."""

import torch


def top_k_sample(logits, k, *, temperature=1.0, generator):
    if k <= 0 or temperature <= 0:
        raise ValueError(f"k={k}, temperature={temperature}")
    x = logits.double()
    rank = torch.argsort(torch.argsort(-x, dim=1, stable=True), dim=1)
    x = torch.where(rank < k, x / temperature, -torch.inf)
    u = torch.rand(x.shape, generator=generator, dtype=torch.float64, device=x.device)
    return (x - torch.log(-torch.log(u))).argmax(dim=1)
