"""Greedy decoding."""

from collections.abc import Callable

import torch
from torch import Tensor


@torch.no_grad()
def greedy_decode(
    model: Callable[[Tensor], Tensor],
    prompt: Tensor,
    *,
    max_new_tokens: int,
    eos: int | None = None,
    pad: int = 0,
) -> Tensor:
    """Keep a flag per row that says whether it has ended; a row that has gets pad."""
    if max_new_tokens < 0:
        raise ValueError(f"max_new_tokens must be at least 0, got {max_new_tokens}")

    tokens = prompt
    ended = torch.zeros(len(prompt), dtype=torch.bool, device=prompt.device)
    for _ in range(max_new_tokens):
        if ended.all():
            break
        logits = model(tokens)[:, -1]  # (B, V)
        following = logits.argmax(dim=-1).masked_fill(ended, pad)
        tokens = torch.cat([tokens, following[:, None]], dim=1)
        if eos is not None:
            ended = ended | (following == eos)
    return tokens
