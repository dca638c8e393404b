"""Each pair as one complex number."""

import math

import torch


def apply_rope(x, positions, *, theta=10000.0):
    *lead, D = x.shape
    if D & 1:
        raise ValueError(f"D={D}")
    wide = x if x.dtype in (torch.float32, torch.float64) else x.float()
    pairs = wide.reshape(*lead, 2, D // 2).transpose(-1, -2).contiguous()
    i = torch.arange(D // 2, device=x.device, dtype=wide.dtype)
    angles = positions.unsqueeze(-1) * torch.exp(i * (-2 * math.log(theta) / D))
    turned = torch.view_as_complex(pairs) * torch.polar(torch.ones_like(angles), angles)
    return torch.view_as_real(turned).transpose(-1, -2).reshape(x.shape).to(x.dtype)
