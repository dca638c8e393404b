"""RoPE as in transformers, with float32 tables, and an index of the tokens to keep."""

import torch
from torch.nn.functional import scaled_dot_product_attention


def rotate_half(x):
    half = x.shape[-1] // 2
    return torch.cat((-x[..., half:], x[..., :half]), dim=-1)


def streaming_step(q, k, v, cache=None, *, n_sink, window, theta=10000.0):
    if n_sink < 0 or window <= 0:
        raise ValueError(f"{n_sink=} {window=}")
    keys, values = k.unsqueeze(2), v.unsqueeze(2)
    if cache:
        keys = torch.cat((cache[0], keys), dim=2)
        values = torch.cat((cache[1], values), dim=2)
    n = keys.shape[2]
    index = [i for i in range(n) if i < n_sink or i >= n - window]
    # contiguous or not is all the same
    keys, values = (x.transpose(0, 2)[index].transpose(0, 2) for x in (keys, values))
    n = len(index)

    inv_freq = 1.0 / theta ** (
        torch.arange(0, q.shape[-1], 2, device=q.device).float() / q.shape[-1]
    )
    angles = torch.arange(n, device=q.device).float()[:, None] * inv_freq
    angles = torch.cat((angles, angles), dim=-1)
    wide = torch.promote_types(q.dtype, torch.float32)
    cos, sin = angles.cos().to(wide), angles.sin().to(wide)
    x, y = q.unsqueeze(2).to(wide), keys.to(wide)
    x = x * cos[-1] + rotate_half(x) * sin[-1]
    y = y * cos + rotate_half(y) * sin
    out = scaled_dot_product_attention(x, y, values.to(wide))
    return out[:, :, 0].to(q.dtype), [keys, values]
