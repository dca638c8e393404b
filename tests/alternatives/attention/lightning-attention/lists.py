"""Tables of fading by plain Python floats, one head at a time."""

import math

import torch


def one_head(q, k, v, slope, block_size, state):
    """q, k, v: (B, T, .), state: (B, D, D_v)."""
    outs = []
    for start in range(0, q.size(1), block_size):
        Q, K, V = (x[:, start : start + block_size] for x in (q, k, v))
        n = Q.size(1)
        power = [math.exp(-slope * i) for i in range(n + 1)]
        table = [[power[i - j] if j <= i else 0.0 for j in range(n)] for i in range(n)]
        fade = torch.tensor(table, dtype=q.dtype, device=q.device)
        down = torch.tensor(power, dtype=q.dtype, device=q.device)
        out = torch.bmm(torch.bmm(Q, K.transpose(1, 2)) * fade, V)
        outs.append(out + torch.bmm(Q * down[1:, None], state))
        added = torch.bmm((K * down[:-1].flip(0)[:, None]).transpose(1, 2), V)
        state = power[n] * state + added
    return torch.cat(outs, dim=1), state


def lightning_attention(q, k, v, slope, *, block_size=256, state=None):
    if block_size < 1:
        raise ValueError
    wide = torch.promote_types(q.dtype, torch.float32)
    if state is None:
        state = q.new_zeros(q.size(0), q.size(1), q.size(3), v.size(3), dtype=wide)
    heads = [
        one_head(*(x[:, h].to(wide) for x in (q, k, v)), rate, block_size, state[:, h])
        for h, rate in enumerate(slope.tolist())
    ]
    out = torch.stack([head for head, _ in heads], dim=1)
    return out.to(q.dtype), torch.stack([after for _, after in heads], dim=1)
