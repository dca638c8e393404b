"""The annotated Transformer's way: exponentials of logarithms, written into every other channel."""

import math

import torch


def sinusoidal_positions(positions, d_model, *, base=10000.0, dtype=torch.float32):
    if d_model % 2:
        raise ValueError(f"odd d_model: {d_model}")
    two_i = torch.arange(0, d_model, 2, device=positions.device).float()
    div_term = torch.exp(two_i * -(math.log(base) / d_model))
    pe = torch.empty(*positions.shape, d_model, device=positions.device)
    angles = positions.unsqueeze(-1).float() * div_term
    pe[..., 0::2] = torch.sin(angles)
    pe[..., 1::2] = torch.cos(angles)
    return pe.to(dtype)
