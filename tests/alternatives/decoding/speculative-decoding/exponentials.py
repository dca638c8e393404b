"""Logarithms for the test, exponential noise for the second draw, argmin for the rejection."""

import torch


def verify_drafts(p, q, drafts, *, generator):
    B, K1, V = p.shape
    if q.shape[1] + 1 != K1:
        raise ValueError("places")
    at = drafts.unsqueeze(2)
    log_ratio = p[:, :-1].double().gather(2, at).log() - q.double().gather(2, at).log()
    noise = -torch.empty(B, K1 - 1, dtype=torch.float64, device=p.device).exponential_(
        generator=generator
    )
    keep = torch.ones(B, K1, dtype=torch.bool, device=p.device)
    keep[:, :-1] = noise < log_ratio[..., 0]
    keep[:, -1] = False
    n = keep.int().argmin(dim=1)
    rest = p.double().clone()
    rest[:, :-1] -= q.double()
    rest = rest[torch.arange(B, device=p.device), n].clamp_min(0.0)
    clocks = torch.empty(B, V, dtype=torch.float64, device=p.device).exponential_(
        generator=generator
    )
    y = (rest / clocks).argmax(dim=1)
    out = torch.cat([drafts, drafts.new_zeros(B, 1)], dim=1)
    out[torch.arange(B, device=p.device), n] = y
    out[torch.arange(K1, device=p.device) > n[:, None]] = -1
    return out
