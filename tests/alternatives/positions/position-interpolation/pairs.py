"""Pair by pair, token by token."""

import math

import torch


def interpolated_rope(x, positions, *, train_length, length, theta=10000.0):
    D = x.size(-1)
    if D & 1:
        raise ValueError("odd")
    shrink = max(length, train_length) / train_length
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    out = torch.empty_like(wide)
    for t, p in enumerate(positions.tolist()):
        for i in range(D // 2):
            angle = p / shrink / theta ** (2 * i / D)
            c, s = math.cos(angle), math.sin(angle)
            a, b = wide[:, :, t, i], wide[:, :, t, i + D // 2]
            out[:, :, t, i] = a * c - b * s
            out[:, :, t, i + D // 2] = a * s + b * c
    return out.to(x.dtype)
