"""Number by number, with Python's own sine and cosine."""

import math

import torch


def sinusoidal_positions(positions, d_model, *, base=10000.0, dtype=torch.float32):
    if d_model % 2 == 1:
        raise ValueError("need an even width")
    out = torch.zeros(positions.numel(), d_model, dtype=torch.float64, device=positions.device)
    for row, p in enumerate(positions.reshape(-1).tolist()):
        for i in range(d_model // 2):
            angle = p / base ** (2 * i / d_model)
            out[row, 2 * i] = math.sin(angle)
            out[row, 2 * i + 1] = math.cos(angle)
    return out.reshape((*tuple(positions.shape), d_model)).to(dtype)
