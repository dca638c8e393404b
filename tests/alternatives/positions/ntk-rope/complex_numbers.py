"""Each pair as one complex number; each frequency slowed by a power of s."""

import torch


def ntk_rope(x, positions, *, train_length, length, theta=10000.0):
    *lead, D = x.shape
    half, odd = divmod(D, 2)
    if odd or half < 2:
        raise ValueError(f"D={D}")
    where = positions.double()
    frequency = torch.pow(float(theta), -torch.arange(half, device=x.device).double() / half)
    # pair i of 0 .. half - 1 slows down by s^(i / (half - 1))
    s = max(length, train_length) / train_length
    frequency = frequency / s ** (torch.arange(half, device=x.device).double() / (half - 1))
    angles = torch.outer(where, frequency)
    pairs = x.double().reshape(*lead, 2, half).transpose(-1, -2).contiguous()
    turned = torch.view_as_complex(pairs) * torch.exp(1j * angles)
    return torch.view_as_real(turned).transpose(-1, -2).reshape(x.shape).to(x.dtype)
