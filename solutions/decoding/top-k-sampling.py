"""Temperature and top-k sampling."""

import torch
from torch import Tensor


def top_k_sample(
    logits: Tensor, k: int, *, temperature: float = 1.0, generator: torch.Generator
) -> Tensor:
    """Sort, draw a rank below k, and look up its token."""
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    if not temperature > 0:
        raise ValueError(f"temperature must be greater than 0, got {temperature}")

    dtype = torch.promote_types(logits.dtype, torch.float32)
    # topk does not say which of equal logits it takes; a stable sort takes the lower index
    ranked, tokens = logits.to(dtype).sort(dim=-1, descending=True, stable=True)
    probabilities = (ranked[:, :k] / temperature).softmax(dim=-1)  # (B, min(k, V))
    rank = probabilities.multinomial(1, generator=generator)
    return tokens.gather(-1, rank).squeeze(-1)
