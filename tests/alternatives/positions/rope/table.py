"""A table for all positions up to the greatest one, gathered; written into an empty result."""

import torch


def apply_rope(x, positions, *, theta=10000.0):
    D = x.size(-1)
    if D % 2 == 1:
        raise ValueError("RoPE turns pairs of channels: D must be even")
    H2 = D // 2
    freq = torch.tensor([theta ** (-i / H2) for i in range(H2)], device=x.device)
    all_angles = torch.arange(int(positions.max()) + 1, device=x.device).float()[:, None] * freq
    cos, sin = torch.cos(all_angles)[positions], torch.sin(all_angles)[positions]
    up = x.to(torch.promote_types(x.dtype, torch.float32))
    out = torch.empty_like(up)
    out[..., :H2] = up[..., :H2] * cos - up[..., H2:] * sin
    out[..., H2:] = up[..., H2:] * cos + up[..., :H2] * sin
    return out.to(x.dtype)
