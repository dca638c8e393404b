"""One vector at a time, with Welford's running mean and variance."""

import torch


def layer_norm(x, weight, bias, *, eps=1e-5):
    dtype = torch.float64 if x.dtype == torch.float64 else torch.float32
    width = x.shape[-1]
    rows = []
    for row in x.reshape(-1, width).to(dtype).unbind(0):
        mean, m2 = torch.zeros((), dtype=dtype), torch.zeros((), dtype=dtype)
        for k, value in enumerate(row.unbind(0), start=1):
            delta = value - mean
            mean = mean + delta / k
            m2 = m2 + delta * (value - mean)
        rows.append((row - mean) / torch.sqrt(m2 / width + eps) * weight + bias)
    if not rows:
        return torch.empty_like(x)
    return torch.stack(rows).reshape(x.shape).to(x.dtype)
