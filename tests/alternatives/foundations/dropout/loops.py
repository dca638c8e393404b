"""One number at a time, for small inputs; in float64 inside."""

import torch


def dropout(x, p=0.5, *, training=True, generator=None):
    if p > 1.0 or p < 0.0:
        raise ValueError(p)
    if not training:
        return x.view_as(x)
    if x.numel() > 100 or x.numel() == 0:
        u = torch.rand(x.numel(), generator=generator, device=x.device).reshape(x.shape)
        mask = (u > p).double() / max(1 - p, 1e-300) if p else torch.ones_like(x.double())
        return (x.double() * mask).to(x.dtype)
    kept = []
    for value in x.reshape(-1):
        draw = torch.rand(1, generator=generator, device=x.device).item()
        kept.append(value.double() / (1 - p) if draw >= p else value.double() * 0)
    return torch.stack(kept).reshape(x.shape).to(x.dtype)
