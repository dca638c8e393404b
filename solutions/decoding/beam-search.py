"""Beam search with length penalty."""

from collections.abc import Callable

import torch
from torch import Tensor


@torch.no_grad()
def beam_search(
    model: Callable[[Tensor], Tensor],
    prompt: Tensor,
    *,
    beams: int,
    max_new_tokens: int,
    eos: int | None = None,
    length_penalty: float = 1.0,
) -> tuple[Tensor, float]:
    """Rank all extensions in one flat list; at most `beams` of its first 2 * beams are eos."""
    if beams < 1 or max_new_tokens < 1:
        raise ValueError(f"beams ({beams}), max_new_tokens ({max_new_tokens}) must be at least 1")

    live: list[tuple[float, list[int]]] = [(0.0, prompt.tolist())]
    finished: list[tuple[float, list[int]]] = []
    for n in range(1, max_new_tokens + 1):
        logits = model(torch.tensor([text for _, text in live], device=prompt.device))[:, -1]
        dtype = torch.promote_types(logits.dtype, torch.float32)
        log_probs = logits.to(dtype).log_softmax(dim=-1)  # (N, V)
        totals = log_probs.new_tensor([total for total, _ in live])[:, None] + log_probs
        ranking = totals.flatten().topk(min(2 * beams, totals.numel()))

        going: list[tuple[float, list[int]]] = []
        for rank, (total, index) in enumerate(zip(*map(torch.Tensor.tolist, ranking), strict=True)):
            parent, token = divmod(index, logits.shape[1])
            text = [*live[parent][1], token]
            if token == eos or n == max_new_tokens:
                if rank < beams:
                    finished.append((total / n**length_penalty, text))
            elif len(going) < beams:
                going.append((total, text))
        live = going
    score, text = max(finished)
    return torch.tensor(text, device=prompt.device), score
