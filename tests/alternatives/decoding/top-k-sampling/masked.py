"""topk for the threshold, ties counted off, the rest set to -inf in place of its index."""

import torch
import torch.nn.functional as F


def top_k_sample(logits, k, *, temperature=1.0, generator):
    if k < 1:
        raise ValueError(f"k must be positive: {k}")
    if temperature <= 0.0:
        raise ValueError(f"temperature must be positive: {temperature}")
    V = logits.size(-1)
    k = min(k, V)
    edge = logits.topk(k).values[:, -1:]
    above, equal = logits > edge, logits == edge
    room = k - above.sum(1, keepdim=True)
    keep = above | (equal & (equal.cumsum(1) <= room))
    scaled = logits.float().masked_fill(~keep, float("-inf")) / temperature
    probs = F.softmax(scaled, dim=-1)
    return torch.multinomial(probs, num_samples=1, generator=generator)[:, 0]
