"""logcumsumexp from behind, padding far below; exponential clocks for sampling."""

import torch


def plackett_luce_loss(scores, ranking, lengths, *, top=None):
    if top is not None and top < 1:
        raise ValueError(top)
    B, K = scores.shape
    wide = torch.promote_types(torch.float32, scores.dtype)
    places = torch.arange(K, device=scores.device).expand(B, K)
    real = places < lengths.unsqueeze(1)
    index = torch.where(real, ranking, torch.zeros_like(ranking))
    picked = torch.gather(scores, 1, index).to(wide)
    low = torch.full_like(picked, -1e30)
    s = torch.where(real, picked, low)
    rest = torch.logcumsumexp(s.flip(1), 1).flip(1)
    keep = real if top is None else real & (places < top)
    terms = torch.where(keep, rest - s, torch.zeros_like(s))
    return terms.sum() / B


def sample_rankings(scores, n, generator):
    # the item whose clock rings first wins: rates exp(score)
    shape = (n, scores.numel())
    clocks = torch.empty(shape, dtype=torch.float64, device=scores.device)
    clocks.exponential_(1.0, generator=generator)
    return torch.argsort(clocks.log() - scores.double(), dim=-1)
