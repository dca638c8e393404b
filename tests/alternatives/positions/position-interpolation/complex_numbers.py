"""Each pair as one complex number, in float64."""

import torch


def interpolated_rope(x, positions, *, train_length, length, theta=10000.0):
    *lead, D = x.shape
    half, odd = divmod(D, 2)
    if odd:
        raise ValueError(f"D={D}")
    where = positions.double()
    if length > train_length:
        where = where * train_length / length
    frequency = torch.pow(float(theta), -torch.arange(half, device=x.device).double() / half)
    angles = torch.outer(where, frequency)
    pairs = x.double().reshape(*lead, 2, half).transpose(-1, -2).contiguous()
    turned = torch.view_as_complex(pairs) * torch.exp(1j * angles)
    return torch.view_as_real(turned).transpose(-1, -2).reshape(x.shape).to(x.dtype)
