"""itertools.groupby for the classes; cross_entropy and index_add for the loss."""

from itertools import groupby

import torch
from torch.nn import functional as F


def examples_of(prompt, responses, verify, path, per_prompt):
    texts = list(dict.fromkeys(responses))
    right = {text for text in texts if verify(prompt, text)}
    samples = [(path(text), place, text) for place, text in enumerate(responses) if text in right]
    first = {}
    for name, place, _ in samples:
        first.setdefault(name, place)
    samples.sort(key=lambda s: (first[s[0]], len(s[2]), s[1]))
    classes = [list(members) for _, members in groupby(samples, key=lambda s: s[0])]
    by_size = sorted(range(len(classes)), key=lambda j: (-len(classes[j]), j))
    return [classes[j][0][2] for j in sorted(by_size[:per_prompt])], len(samples)


def collect(prompts, sample, verify, path, *, k, per_prompt):
    if not (k >= 1 and per_prompt >= 1):
        raise ValueError(f"{k=} {per_prompt=}")
    found = [examples_of(p, sample(p, k), verify, path, per_prompt) for p in prompts]
    examples = [(i, text) for i, (kept, _) in enumerate(found) for text in kept]
    return examples, [n / k for _, n in found]


def rft_loss(logits, input_ids, response_mask, index):
    if not bool(response_mask.any(1).all()) or bool(response_mask[:, 0].any()):
        raise ValueError("rows must have responses, behind position 0")
    labels = torch.where(response_mask, input_ids, -100)[:, 1:]
    dtype = torch.promote_types(logits.dtype, torch.float32)
    nll = F.cross_entropy(logits[:, :-1].transpose(1, 2).to(dtype), labels, reduction="none")
    example = nll.sum(1) / (labels != -100).sum(1)
    prompts, inverse = torch.unique(index, return_inverse=True)
    zeros = example.new_zeros(len(prompts))
    total = zeros.index_add(0, inverse, example)
    count = zeros.index_add(0, inverse, torch.ones_like(example))
    return (total / count).mean()
