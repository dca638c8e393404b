import torch
from torch import Tensor


def nucleus_sample(logits: Tensor, p: float, *, temperature: float = 1.0, generator) -> Tensor:
    """No sort: look for the largest threshold whose tokens still hold p, then cut its ties."""
    if not 0 < p <= 1:
        raise ValueError(f"p={p}")
    if not temperature > 0:
        raise ValueError(f"temperature={temperature}")
    scaled = logits.double() / temperature
    probs = scaled.softmax(-1)

    # among the probabilities of a row: the likeliest value t such that mass(prob >= t) >= p
    low = torch.zeros(len(probs), 1, dtype=torch.float64)
    high = probs.amax(-1, keepdim=True)
    for _ in range(70):
        middle = (low + high) / 2
        enough = (probs * (probs >= middle)).sum(-1, keepdim=True) >= p
        low, high = torch.where(enough, middle, low), torch.where(enough, high, middle)
    # high is the first value that is not enough, or the maximum itself
    top = (probs * (probs >= high)).sum(-1, keepdim=True) >= p
    floor = torch.where(top, high, low)
    edge = torch.where(probs >= floor, probs, torch.inf).amin(-1, keepdim=True)
    above = probs > edge * (1 + 1e-12)
    tied = (probs >= edge * (1 - 1e-12)) & ~above
    missing = p - (probs * above).sum(-1, keepdim=True)
    earlier = (tied.cumsum(-1) - tied.to(torch.int64)) * edge
    keep = above | (tied & (earlier < missing))
    weights = probs * keep
    return torch.multinomial(weights, num_samples=1, generator=generator)[:, 0]
