"""Nucleus (top-p) sampling."""

import torch
from torch import Tensor


def nucleus_sample(
    logits: Tensor, p: float, *, temperature: float = 1.0, generator: torch.Generator
) -> Tensor:
    """Sort, zero what comes after p is reached, draw a rank, and look up its token."""
    if not 0 < p <= 1:
        raise ValueError(f"p must be in (0, 1], got {p}")
    if not temperature > 0:
        raise ValueError(f"temperature must be greater than 0, got {temperature}")

    dtype = torch.promote_types(logits.dtype, torch.float32)
    # a stable sort leaves equal logits in the order of their indices
    ranked, tokens = logits.to(dtype).sort(dim=-1, descending=True, stable=True)
    probabilities = (ranked / temperature).softmax(dim=-1)

    # a token is kept while the likelier ones have not reached p, so the one that crosses it stays
    before = probabilities.cumsum(dim=-1) - probabilities
    nucleus = probabilities.masked_fill(before >= p, 0.0)
    rank = nucleus.multinomial(1, generator=generator)  # (B, 1), and need not sum to 1
    return tokens.gather(-1, rank).squeeze(-1)
