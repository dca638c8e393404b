"""os.path.commonprefix does the split, pad_sequence the batch."""

from os.path import commonprefix

import torch
from torch.nn.utils.rnn import pad_sequence


def finish(text, eos_token):
    return text if text.endswith(eos_token) else text + eos_token


def tokenize_pair(prompt, chosen, rejected, encode, eos_token):
    p = encode(prompt)
    c = encode(prompt + finish(chosen, eos_token))
    r = encode(prompt + finish(rejected, eos_token))
    # made for paths, but it compares any sequences
    n = len(commonprefix([p, c, r]))  # noqa: RUF071
    return {"prompt_ids": p[:n], "chosen_ids": c[n:], "rejected_ids": r[n:]}


def build_pairs(examples, encode, eos_token, max_length):
    kept = {}
    for example in examples:
        pair = tokenize_pair(
            example["prompt"], example["chosen"], example["rejected"], encode, eos_token
        )
        p, c, r = (tuple(x) for x in pair.values())
        room = max_length - len(p)
        if room <= 0 or c[:room] == r[:room]:
            continue
        kept.setdefault((p, c, r), pair)
    return list(kept.values())


def collate(pairs, pad_token_id, max_length, *, pad_to_multiple_of=1):
    if len(pairs) == 0:
        raise ValueError("no pairs")
    ids, mask = [], []
    for side in ("chosen_ids", "rejected_ids"):
        for pair in pairs:
            p, r = pair["prompt_ids"], pair[side]
            ids.append(torch.tensor([*p, *r][:max_length], dtype=torch.int64))
            mask.append(torch.tensor([False] * len(p) + [True] * len(r))[:max_length])
    width = max(len(x) for x in ids)
    extra = -width % pad_to_multiple_of

    def stack(rows, value):
        x = pad_sequence(rows, batch_first=True, padding_value=value)
        return torch.cat([x, x.new_full((len(x), extra), value)], dim=1)

    return {
        "input_ids": stack(ids, pad_token_id),
        "attention_mask": stack([torch.ones(len(x), dtype=torch.bool) for x in ids], False),
        "response_mask": stack(mask, False),
    }
