"""A cosine is a sine a quarter turn ahead: one sine over all channels."""

import math

import torch


def sinusoidal_positions(positions, d_model, *, base=10000.0, dtype=torch.float32):
    if d_model & 1:
        raise ValueError("d_model must be even")
    channel = torch.arange(d_model, device=positions.device)
    scale = torch.pow(float(base), -(channel // 2 * 2).double() / d_model)
    phase = (channel % 2) * (math.pi / 2)
    return torch.sin(positions[..., None] * scale + phase).to(dtype)
