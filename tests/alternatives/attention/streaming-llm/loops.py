"""Token by token, with angles from the math module."""

import math

import torch


def turn(x, position, theta):
    half = x.shape[-1] // 2
    angles = [position * theta ** (-i / half) for i in range(half)]
    cos = torch.tensor([math.cos(a) for a in angles], dtype=x.dtype, device=x.device)
    sin = torch.tensor([math.sin(a) for a in angles], dtype=x.dtype, device=x.device)
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1)


def streaming_step(q, k, v, cache=None, *, n_sink, window, theta=10000.0):
    if n_sink < 0 or window < 1:
        raise ValueError
    keys = [] if cache is None else list(cache[0].unbind(2))
    values = [] if cache is None else list(cache[1].unbind(2))
    keys.append(k)
    values.append(v)
    if len(keys) > n_sink + window:
        del keys[n_sink], values[n_sink]
    query = turn(q.double(), len(keys) - 1, theta)
    scores = [
        (query * turn(key.double(), i, theta)).sum(-1) / math.sqrt(q.shape[-1])
        for i, key in enumerate(keys)
    ]
    weights = torch.stack(scores, dim=-1).softmax(dim=-1)
    out = sum(weights[..., i, None] * value.double() for i, value in enumerate(values))
    return out.to(q.dtype), (torch.stack(keys, dim=2), torch.stack(values, dim=2))
