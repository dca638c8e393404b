"""Masks are comparisons of positions with two columns of lengths."""

import itertools
import math

import torch


def tokenize_pair(prompt, chosen, rejected, encode, eos_token):
    with_end = [r + eos_token * (not r.endswith(eos_token)) for r in (chosen, rejected)]
    p, (c, r) = encode(prompt), [encode(prompt + x) for x in with_end]

    def agrees(tokens):
        return tokens[0] == tokens[1] == tokens[2]

    n = sum(1 for _ in itertools.takewhile(agrees, zip(p, c, r, strict=False)))
    return {"rejected_ids": r[n:], "chosen_ids": c[n:], "prompt_ids": p[:n]}


def build_pairs(examples, encode, eos_token, max_length):
    pairs = []
    for e in examples:
        pair = tokenize_pair(e["prompt"], e["chosen"], e["rejected"], encode, eos_token)
        sides = [
            (pair["prompt_ids"] + pair[k])[:max_length] for k in ("chosen_ids", "rejected_ids")
        ]
        if sides[0] == sides[1]:
            continue
        if any(pair == other for other in pairs):
            continue
        pairs.append(pair)
    return pairs


def collate(pairs, pad_token_id, max_length, *, pad_to_multiple_of=1):
    N = len(pairs)
    if N == 0:
        raise ValueError(f"{N} pairs")
    starts = torch.tensor([len(pair["prompt_ids"]) for pair in pairs]).repeat(2)[:, None]
    answers = [pair["chosen_ids"] for pair in pairs] + [pair["rejected_ids"] for pair in pairs]
    ends = (starts + torch.tensor([len(a) for a in answers])[:, None]).clamp(max=max_length)
    T = math.ceil(int(ends.max()) / pad_to_multiple_of) * pad_to_multiple_of
    positions = torch.arange(T).expand(2 * N, T)
    attention_mask = positions < ends
    flat = []
    for i, answer in enumerate(answers):
        flat += (pairs[i % N]["prompt_ids"] + answer)[: int(ends[i])]
    input_ids = torch.full_like(positions, pad_token_id)
    input_ids[attention_mask] = torch.tensor(flat)
    return {
        "input_ids": input_ids,
        "attention_mask": attention_mask,
        "response_mask": attention_mask & (positions >= starts),
    }
