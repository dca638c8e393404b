"""Locally typical sampling."""

import torch
from torch import Tensor


def typical_sample(
    logits: Tensor, mass: float, *, temperature: float = 1.0, generator: torch.Generator
) -> Tensor:
    """Sort by the distance from the entropy, zero what comes after mass is reached, draw a rank."""
    if not 0 < mass <= 1:
        raise ValueError(f"mass must be in (0, 1], got {mass}")
    if not temperature > 0:
        raise ValueError(f"temperature must be greater than 0, got {temperature}")

    dtype = torch.promote_types(logits.dtype, torch.float32)
    log_p = (logits.to(dtype) / temperature).log_softmax(dim=-1)
    p = log_p.exp()
    # 0 * -inf is nan, and stands for 0
    entropy = -(p * log_p).nansum(dim=-1, keepdim=True)
    distance = (-log_p - entropy).abs()

    # a stable sort leaves equal logits in the order of their indices
    tokens = distance.argsort(dim=-1, stable=True)
    ranked = p.gather(-1, tokens)
    # a token is kept while those before it have not reached mass, so the one that crosses it stays
    before = ranked.cumsum(dim=-1) - ranked
    typical = ranked.masked_fill(before >= mass, 0.0)
    rank = typical.multinomial(1, generator=generator)  # (B, 1), and need not sum to 1
    return tokens.gather(-1, rank).squeeze(-1)
