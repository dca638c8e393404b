"""Nested lists until the very end; explicit tests for each reason to drop a pair."""

import torch


def tokenize_pair(prompt, chosen, rejected, encode, eos_token):
    head = list(encode(prompt))
    tails = []
    for response in [chosen, rejected]:
        if not response.endswith(eos_token):
            response += eos_token
        tails.append(list(encode(prompt + response)))
    shared = []
    for tokens in zip(head, *tails, strict=False):
        if len(set(tokens)) > 1:
            break
        shared.append(tokens[0])
    n = len(shared)
    return {"prompt_ids": shared, "chosen_ids": tails[0][n:], "rejected_ids": tails[1][n:]}


def is_useful(pair, max_length):
    left = max_length - len(pair["prompt_ids"])
    if left < 1:
        return False
    chosen, rejected = pair["chosen_ids"], pair["rejected_ids"]
    for i in range(left):
        a = chosen[i] if i < len(chosen) else None
        b = rejected[i] if i < len(rejected) else None
        if a != b:
            return True
    return False


def build_pairs(examples, encode, eos_token, max_length):
    result = []
    seen = set()
    for example in examples:
        pair = tokenize_pair(
            prompt=example["prompt"],
            chosen=example["chosen"],
            rejected=example["rejected"],
            encode=encode,
            eos_token=eos_token,
        )
        key = str(sorted(pair.items()))
        if is_useful(pair, max_length) and key not in seen:
            seen.add(key)
            result.append(pair)
    return tuple(result)


def collate(pairs, pad_token_id, max_length, *, pad_to_multiple_of=1):
    if not pairs:
        raise ValueError("nothing to collate")
    rows = [p["prompt_ids"] + p["chosen_ids"] for p in pairs]
    rows += [p["prompt_ids"] + p["rejected_ids"] for p in pairs]
    rows = [row[:max_length] for row in rows]
    starts = [len(p["prompt_ids"]) for p in pairs] * 2
    width = 0
    while width < max(map(len, rows)):
        width += pad_to_multiple_of
    ids, attention, response = [], [], []
    for row, start in zip(rows, starts, strict=True):
        pads = width - len(row)
        ids.append(row + [pad_token_id] * pads)
        attention.append([True] * len(row) + [False] * pads)
        response.append([False] * start + [True] * (len(row) - start) + [False] * pads)
    names = ("input_ids", "attention_mask", "response_mask")
    return dict(zip(names, map(torch.tensor, (ids, attention, response)), strict=True))
