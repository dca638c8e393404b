"""Token by token, in float64."""

import torch


def turned(x, position, theta):
    D = x.shape[-1]
    half = D // 2
    out = x.new_empty(x.shape, dtype=torch.float64)
    for i in range(half):
        a = x.new_tensor(position * theta ** (-2 * i / D), dtype=torch.float64)
        left, right = x[:, i].double(), x[:, i + half].double()
        out[:, i] = left * a.cos() - right * a.sin()
        out[:, i + half] = left * a.sin() + right * a.cos()
    return out


def rope_into_pages(q, k, positions, slots, k_cache, *, theta=10000.0):
    if q.shape[-1] % 2:
        raise ValueError("D must be even")
    S = k_cache.shape[1]
    out = torch.empty_like(q)
    for n, (position, slot) in enumerate(zip(positions.tolist(), slots.tolist(), strict=True)):
        out[n] = turned(q[n], position, theta).to(q.dtype)
        if slot != -1:
            k_cache[slot // S][slot % S] = turned(k[n], position, theta).to(k_cache.dtype)
    return out
