"""Rejection-sampling fine-tuning (RFT)."""

from collections import Counter
from collections.abc import Callable, Hashable, Sequence

import torch
from torch import Tensor


def collect(
    prompts: Sequence[str],
    sample: Callable[[str, int], list[str]],
    verify: Callable[[str, str], bool],
    path: Callable[[str], Hashable],
    *,
    k: int,
    per_prompt: int,
) -> tuple[list[tuple[int, str]], list[float]]:
    """Counters and dicts keep the order of first sight, and sorting and min respect it."""
    if k < 1 or per_prompt < 1:
        raise ValueError(f"k ({k}) and per_prompt ({per_prompt}) must be at least 1")
    examples: list[tuple[int, str]] = []
    pass_rates: list[float] = []
    for i, prompt in enumerate(prompts):
        counts = Counter(sample(prompt, k))
        correct = {text: n for text, n in counts.items() if verify(prompt, text)}
        pass_rates.append(sum(correct.values()) / k)

        classes: dict[Hashable, list[str]] = {}
        for text in correct:
            classes.setdefault(path(text), []).append(text)
        sizes = {name: sum(correct[text] for text in texts) for name, texts in classes.items()}
        largest = sorted(sizes, key=lambda name: -sizes[name])[:per_prompt]
        kept = [texts for name, texts in classes.items() if name in largest]
        examples += [(i, min(texts, key=len)) for texts in kept]
    return examples, pass_rates


def rft_loss(logits: Tensor, input_ids: Tensor, response_mask: Tensor, index: Tensor) -> Tensor:
    """Three means, one within the other."""
    if response_mask[:, 0].any() or not response_mask.any(dim=1).all():
        raise ValueError("each row needs a response token, and none at position 0")
    dtype = torch.promote_types(logits.dtype, torch.float32)
    log_prob = logits[:, :-1].to(dtype).log_softmax(dim=-1).gather(-1, input_ids[:, 1:, None])
    mask = response_mask[:, 1:]
    # masked_fill, not a product: -inf * 0 is NaN
    sums = -log_prob.squeeze(-1).masked_fill(~mask, 0).sum(dim=1)
    of_example = sums / mask.sum(dim=1)  # (B,)

    _, group, sizes = torch.unique(index, return_inverse=True, return_counts=True)
    of_prompts: Tensor = (of_example / sizes[group]).sum()
    return of_prompts / len(sizes)
