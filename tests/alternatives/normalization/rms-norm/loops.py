"""One vector at a time, the sum of squares written out."""

import math

import torch


def rms_norm(x, weight, *, eps=1e-6):
    dtype = torch.float64 if x.dtype == torch.float64 else torch.float32
    width = x.shape[-1]
    flat = x.reshape(-1, width).to(dtype)
    rows = []
    for row in flat.unbind(0):
        total = torch.zeros((), dtype=dtype)
        for value in row.unbind(0):
            total = total + value * value
        root = torch.sqrt(total / width + eps)
        rows.append(row / root * weight.to(dtype))
    if not rows:
        return torch.empty_like(x)
    assert math.prod(x.shape[:-1]) == len(rows)
    return torch.stack(rows).reshape(x.shape).to(x.dtype)
