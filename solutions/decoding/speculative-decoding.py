"""Speculative decoding, exact in distribution."""

import torch
from torch import Tensor
from torch.nn import functional as F


def verify_drafts(p: Tensor, q: Tensor, drafts: Tensor, *, generator: torch.Generator) -> Tensor:
    """Test all drafts at once, count those before the first rejection, and draw what follows."""
    B, K = drafts.shape
    if p.shape[1] != q.shape[1] + 1:
        raise ValueError(f"p has {p.shape[1]} places and q {q.shape[1]}: p must have one more")

    p_x = p[:, :K].gather(-1, drafts[..., None]).squeeze(-1)  # (B, K)
    q_x = q.gather(-1, drafts[..., None]).squeeze(-1)
    u = torch.rand(B, K, generator=generator, dtype=p.dtype, device=p.device)
    accepted = u < p_x / q_x
    n = accepted.long().cumprod(dim=1).sum(dim=1, keepdim=True)  # (B, 1)

    # nothing was drafted for the last place: with q = 0 there, what is left of p is p itself
    q = F.pad(q, (0, 0, 0, 1))
    left = (p - q).clamp(min=0)  # (B, K + 1, V)
    weights = left.take_along_dim(n[..., None], dim=1).squeeze(1)  # (B, V)
    drawn = weights.multinomial(1, generator=generator)

    place = torch.arange(K + 1, device=p.device)
    after = torch.where(place == n, drawn, -1)
    return torch.where(place < n, F.pad(drafts, (0, 1)), after)
