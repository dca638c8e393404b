"""transformers' way: frequencies from the new base, and rotate_half."""

import torch


def rotate_half(x):
    half = x.shape[-1] // 2
    return torch.cat((-x[..., half:], x[..., :half]), dim=-1)


def ntk_rope(x, positions, *, train_length, length, theta=10000.0):
    dim = x.shape[-1]
    if dim % 2 != 0 or dim == 2:
        raise ValueError("head_dim must be even, and more than one pair")
    if length > train_length:
        theta = theta * (length / train_length) ** (dim / (dim - 2))
    inv_freq = 1.0 / (theta ** (torch.arange(0, dim, 2, device=x.device).float() / dim))
    freqs = positions[:, None].float() * inv_freq[None, :]
    emb = torch.cat((freqs, freqs), dim=-1)
    xf = x.float()
    return (xf * emb.cos() + rotate_half(xf) * emb.sin()).to(x.dtype)
