"""Build preference pairs: tokenise, pad, mask, filter."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Pair = dict[str, list[int]]


def common_prefix_length(ids: list[int], others: list[int]) -> int:
    """Count up to the first place where they differ."""
    length = 0
    while length < min(len(ids), len(others)) and ids[length] == others[length]:
        length += 1
    return length


def tokenize_pair(
    prompt: str,
    chosen: str,
    rejected: str,
    encode: Callable[[str], list[int]],
    eos_token: str,
) -> Pair:
    """Encode prompt and response as one text, and cut where the prompt stops to agree."""
    prompt_ids = encode(prompt)
    chosen_ids, rejected_ids = (
        encode(prompt + response.removesuffix(eos_token) + eos_token)
        for response in (chosen, rejected)
    )
    length = min(common_prefix_length(prompt_ids, ids) for ids in (chosen_ids, rejected_ids))
    return {
        "prompt_ids": prompt_ids[:length],
        "chosen_ids": chosen_ids[length:],
        "rejected_ids": rejected_ids[length:],
    }


def build_pairs(
    examples: Sequence[dict[str, str]],
    encode: Callable[[str], list[int]],
    eos_token: str,
    max_length: int,
) -> list[Pair]:
    """Compare what will be trained on, not what was written."""
    pairs: list[Pair] = []
    for example in examples:
        texts = example["prompt"], example["chosen"], example["rejected"]
        pair = tokenize_pair(*texts, encode, eos_token)
        chosen = pair["prompt_ids"] + pair["chosen_ids"]
        rejected = pair["prompt_ids"] + pair["rejected_ids"]
        if chosen[:max_length] != rejected[:max_length] and pair not in pairs:
            pairs.append(pair)
    return pairs


def collate(
    pairs: Sequence[Pair],
    pad_token_id: int,
    max_length: int,
    *,
    pad_to_multiple_of: int = 1,
) -> dict[str, Tensor]:
    """Masks come from lengths: an id does not tell padding from a real token."""
    if not pairs:
        raise ValueError("a batch needs at least one pair")
    sides = ("chosen_ids", "rejected_ids")
    rows = [(pair["prompt_ids"], pair[side]) for side in sides for pair in pairs]
    longest = min(max(len(prompt) + len(response) for prompt, response in rows), max_length)
    T = -(-longest // pad_to_multiple_of) * pad_to_multiple_of

    input_ids = torch.full((len(rows), T), pad_token_id)
    attention_mask = torch.zeros(len(rows), T, dtype=torch.bool)
    response_mask = torch.zeros(len(rows), T, dtype=torch.bool)
    for i, (prompt, response) in enumerate(rows):
        ids = (prompt + response)[:max_length]
        input_ids[i, : len(ids)] = torch.tensor(ids)
        attention_mask[i, : len(ids)] = True
        response_mask[i, len(prompt) : len(ids)] = True
    return {
        "input_ids": input_ids,
        "attention_mask": attention_mask,
        "response_mask": response_mask,
    }
