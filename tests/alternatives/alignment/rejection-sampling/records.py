"""One record per class; the loss as a weight for every token."""

from dataclasses import dataclass

import torch


@dataclass
class Class:
    place: int
    size: int
    best: str


def collect(prompts, sample, verify, path, *, k, per_prompt):
    if min(k, per_prompt) <= 0:
        raise ValueError("k and per_prompt must be positive")
    examples, rates = [], []
    for i, prompt in enumerate(prompts):
        verdicts, found, right = {}, {}, 0
        for place, response in enumerate(sample(prompt, k)):
            if response not in verdicts:
                verdicts[response] = verify(prompt, response)
            if not verdicts[response]:
                continue
            right += 1
            name = path(response)
            if name not in found:
                found[name] = Class(place, 1, response)
                continue
            found[name].size += 1
            if len(response) < len(found[name].best):
                found[name].best = response
        ranked = sorted(found.values(), key=lambda c: (-c.size, c.place))
        for c in sorted(ranked[:per_prompt], key=lambda c: c.place):
            examples.append((i, c.best))
        rates.append(right / k)
    return examples, rates


def rft_loss(logits, input_ids, response_mask, index):
    lengths = response_mask.sum(dim=1)
    if (lengths == 0).any() or response_mask[:, 0].any():
        raise ValueError("response_mask")
    same = index[:, None] == index[None, :]
    examples_of_prompt = same.sum(dim=1)
    # each prompt's rows add up to 1
    prompts = (1.0 / examples_of_prompt.double()).sum().round()
    weight = response_mask / (lengths * examples_of_prompt)[:, None].double() / prompts
    row, step = response_mask.nonzero(as_tuple=True)
    wide = logits if logits.dtype == torch.float64 else logits.float()
    picked = wide[row, step - 1]
    nll = (
        torch.logsumexp(picked, dim=-1)
        - picked[torch.arange(len(row), device=row.device), input_ids[row, step]]
    )
    return (nll * weight[row, step].to(nll.dtype)).sum()
