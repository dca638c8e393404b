"""Blended in one lerp; each pair one complex number, scaled before it is turned."""

import math

import torch


def yarn_frequencies(D, *, factor, original_length, theta=10000.0, beta_fast=32.0, beta_slow=1.0):
    if D & 1:
        raise ValueError(f"D={D}")
    if not factor > 0:
        raise ValueError(f"factor={factor}")
    per_turn = 2 * math.log(theta) / D
    ends = [
        math.log(original_length / (2 * math.pi * b)) / per_turn for b in (beta_fast, beta_slow)
    ]
    low, high = max(math.floor(ends[0]), 0), min(math.ceil(ends[1]), D - 1)
    i = torch.arange(D // 2, dtype=torch.float64)
    f = torch.exp(-i * per_turn)
    weight = torch.clip((i - low) / (high - low), min=0.0, max=1.0)
    m = max(0.1 * math.log(factor) + 1, 1.0)
    return torch.lerp(f, f / factor, weight), m


def apply_yarn(x, positions, **stretch):
    D = x.shape[-1]
    frequencies, m = yarn_frequencies(D, **stretch)
    up = torch.float64 if x.dtype == torch.float64 else torch.float32
    pairs = (m * x.to(up)).unflatten(-1, (2, D // 2)).transpose(-1, -2).contiguous()
    angle = positions.to(up).unsqueeze(1) * frequencies.to(x.device).to(up)
    turned = torch.view_as_complex(pairs) * torch.polar(torch.ones_like(angle), angle)
    return torch.view_as_real(turned).transpose(-1, -2).flatten(-2).to(x.dtype)
