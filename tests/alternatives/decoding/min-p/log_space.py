"""The threshold on logits, Gumbel noise for the draw."""

import math

import torch


def min_p_sample(logits, context, *, min_p, repetition_penalty=1.0, temperature=1.0, generator):
    if min_p < 0 or min_p > 1 or repetition_penalty <= 0 or temperature <= 0:
        raise ValueError((min_p, repetition_penalty, temperature))
    x = logits.double()
    V = x.shape[1]
    seen = (context[:, :, None] == torch.arange(V, device=x.device)).any(dim=1)
    factor = torch.where(x < 0, repetition_penalty, 1 / repetition_penalty)
    x = x * torch.where(seen, factor, 1.0)
    x = x / temperature
    if min_p > 0:
        window = -math.log(min_p)
        x = torch.where(x >= x.amax(1, keepdim=True) - window, x, -torch.inf)
    u = torch.rand(x.shape, generator=generator, dtype=torch.float64, device=x.device)
    return (x - torch.log(-torch.log(u))).argmax(dim=-1)
