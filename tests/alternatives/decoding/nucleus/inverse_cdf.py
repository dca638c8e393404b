import numpy as np
import torch


def nucleus_sample(logits, p, *, temperature=1.0, generator):
    if not 0 < p <= 1:
        raise ValueError("p must be in (0, 1]")
    if temperature <= 0:
        raise ValueError("temperature must be positive")
    B, V = logits.shape
    x = logits.double().numpy() / temperature
    probs = np.exp(x - x.max(axis=1, keepdims=True))
    probs /= probs.sum(axis=1, keepdims=True)
    order = np.argsort(-probs, axis=1, kind="stable")
    sorted_probs = np.take_along_axis(probs, order, axis=1)
    cdf = np.cumsum(sorted_probs, axis=1)

    # how many tokens each row keeps; where rounding leaves the whole sum below p, all
    size = np.minimum((cdf < p).sum(axis=1) + 1, V)
    total = cdf[np.arange(B), size - 1]
    u = torch.rand(B, generator=generator, dtype=torch.float64).numpy() * total
    rank = np.minimum((cdf <= u[:, None]).sum(axis=1), size - 1)
    return torch.from_numpy(order[np.arange(B), rank].astype(np.int64))
