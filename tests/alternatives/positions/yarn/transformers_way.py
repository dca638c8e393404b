"""As in the authors' code: an extrapolation mask, float32 throughout, and rotate_half."""

import math

import torch


def find_dim(rotations, dim, base, length):
    return (dim * math.log(length / (rotations * 2 * math.pi))) / (2 * math.log(base))


def yarn_frequencies(D, *, factor, original_length, theta=10000.0, beta_fast=32.0, beta_slow=1.0):
    if D % 2 or not factor > 0:
        raise ValueError((D, factor))
    pos = theta ** (torch.arange(0, D, 2, dtype=torch.float64).float() / D)
    extrapolated, interpolated = 1.0 / pos, 1.0 / (factor * pos)
    low = max(math.floor(find_dim(beta_fast, D, theta, original_length)), 0)
    high = min(math.ceil(find_dim(beta_slow, D, theta, original_length)), D - 1)
    if low == high:
        high += 0.001
    ramp = (torch.arange(D // 2).float() - low) / (high - low)
    mask = 1 - torch.clamp(ramp, 0, 1)
    inv_freq = interpolated * (1 - mask) + extrapolated * mask
    scale = 0.1 * math.log(factor) + 1.0 if factor > 1 else 1.0
    return inv_freq.double(), scale


def rotate_half(x):
    a, b = x.chunk(2, dim=-1)
    return torch.cat((-b, a), dim=-1)


def apply_yarn(
    x, positions, *, factor, original_length, theta=10000.0, beta_fast=32.0, beta_slow=1.0
):
    inv_freq, scale = yarn_frequencies(
        x.size(-1),
        factor=factor,
        original_length=original_length,
        theta=theta,
        beta_fast=beta_fast,
        beta_slow=beta_slow,
    )
    freqs = torch.outer(positions.float(), inv_freq.float().to(x.device))
    emb = torch.cat((freqs, freqs), dim=-1)
    xf = x.float()
    return (xf * (emb.cos() * scale) + rotate_half(xf) * (emb.sin() * scale)).to(x.dtype)
