"""Pair by pair, in plain floats."""

import math

import torch


def correction(turns, D, theta, length):
    return D * (math.log(length) - math.log(2 * math.pi * turns)) / (2 * math.log(theta))


def yarn_frequencies(D, *, factor, original_length, theta=10000.0, beta_fast=32.0, beta_slow=1.0):
    if D % 2 == 1:
        raise ValueError("odd D")
    if factor <= 0:
        raise ValueError("factor")
    low = math.floor(correction(beta_fast, D, theta, original_length))
    high = math.ceil(correction(beta_slow, D, theta, original_length))
    low, high = max(0, low), min(D - 1, high)
    out = []
    for i in range(D // 2):
        f = 1.0 / theta ** (2 * i / D)
        if i <= low:
            out.append(f)
        elif i >= high:
            out.append(f / factor)
        else:
            share = (high - i) / (high - low)
            out.append(f * share + f / factor * (1 - share))
    m = 1.0 if factor <= 1 else 1.0 + math.log(factor) / 10
    return torch.tensor(out, dtype=torch.float64), m


def apply_yarn(x, positions, **kwargs):
    D = x.shape[-1]
    freqs, m = yarn_frequencies(D, **kwargs)
    columns = []
    wide = x.double()
    p = positions.double()
    for i in range(D):
        a = p * freqs[i % (D // 2)].item()
        partner = -wide[..., i + D // 2] if i < D // 2 else wide[..., i - D // 2]
        columns.append(m * (wide[..., i] * a.cos() + partner * a.sin()))
    return torch.stack(columns, dim=-1).to(x.dtype)
