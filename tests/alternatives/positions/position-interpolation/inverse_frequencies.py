"""transformers' way: slower frequencies instead of squeezed positions, and rotate_half."""

import torch


def rotate_half(x):
    half = x.shape[-1] // 2
    return torch.cat((-x[..., half:], x[..., :half]), dim=-1)


def interpolated_rope(x, positions, *, train_length, length, theta=10000.0):
    dim = x.shape[-1]
    if dim % 2 != 0:
        raise ValueError("head_dim must be even")
    factor = length / train_length if length > train_length else 1.0
    inv_freq = 1.0 / (theta ** (torch.arange(0, dim, 2, device=x.device).float() / dim))
    inv_freq = inv_freq / factor
    freqs = positions[:, None].float() * inv_freq[None, :]
    emb = torch.cat((freqs, freqs), dim=-1)
    xf = x.float()
    return (xf * emb.cos() + rotate_half(xf) * emb.sin()).to(x.dtype)
