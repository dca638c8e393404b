"""As transformers does: gather the scores of the context, scatter them back."""

import torch
import torch.nn.functional as F


def penalise(scores, context, penalty):
    padded = F.pad(scores, (0, 1))
    index = context % padded.shape[1]
    found = padded.gather(1, index)
    found = torch.where(found < 0, found * penalty, found / penalty)
    return padded.scatter(1, index, found)[:, :-1]


def min_p_sample(logits, context, *, min_p, repetition_penalty=1.0, temperature=1.0, generator):
    if not (0 <= min_p <= 1 and repetition_penalty > 0 and temperature > 0):
        raise ValueError("out of range")
    scores = penalise(logits.float(), context, repetition_penalty)
    probs = F.softmax(scores / temperature, dim=-1)
    top = probs.max(dim=-1, keepdim=True).values
    probs[probs < min_p * top] = 0
    probs /= probs.sum(-1, keepdim=True)
    noise = torch.empty_like(probs).exponential_(generator=generator)
    return torch.argmax(probs / noise, dim=-1)
