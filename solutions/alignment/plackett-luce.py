"""Plackett-Luce ranking loss."""

import torch
from torch import Tensor


def plackett_luce_loss(
    scores: Tensor, ranking: Tensor, lengths: Tensor, *, top: int | None = None
) -> Tensor:
    """Sort the scores by rank; what is left at place i are the places from i on."""
    K = scores.shape[1]
    top = K if top is None else top
    if top < 1:
        raise ValueError(f"top must be at least 1, got {top}")
    dtype = torch.promote_types(scores.dtype, torch.float32)
    place = torch.arange(K, device=scores.device)
    real = place < lengths[:, None]  # (B, K)
    s = scores.to(dtype).gather(1, ranking.masked_fill(~real, 0))

    # [b, i, j]: the item at place j is left when that at place i is picked
    left = (place >= place[:, None]) & real[:, None, :]
    rest = s[:, None, :].masked_fill(~left, float("-inf")).logsumexp(dim=-1)  # (B, K)
    counted = real & (place < top)
    return (rest - s).masked_fill(~counted, 0).sum(dim=1).mean()


def sample_rankings(scores: Tensor, n: int, generator: torch.Generator) -> Tensor:
    """Sorting scores with Gumbel noise picks without replacement."""
    shape = (n, len(scores))
    u = torch.rand(shape, dtype=torch.float64, device=scores.device, generator=generator)
    gumbel = -(-u.log()).log()
    return (scores + gumbel).argsort(dim=1, descending=True)
