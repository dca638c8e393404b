"""transformers' rotate_half on queries and keys at once; index_put_ for the pages."""

import torch


def rotate_half(x):
    half = x.shape[-1] // 2
    return torch.cat((-x[..., half:], x[..., :half]), dim=-1)


def rope_into_pages(q, k, positions, slots, k_cache, *, theta=10000.0):
    dim = q.shape[-1]
    if dim % 2 == 1:
        raise ValueError("head_dim must be even")
    inv_freq = 1.0 / theta ** (torch.arange(0, dim, 2, device=q.device).float() / dim)
    freqs = positions[:, None].float() * inv_freq[None, :]
    emb = torch.cat((freqs, freqs), dim=-1).unsqueeze(1)
    both = torch.cat([q, k], dim=1).float()
    both = both * emb.cos() + rotate_half(both) * emb.sin()
    queries, keys = both.split([q.shape[1], k.shape[1]], dim=1)
    keep = torch.nonzero(slots != -1).squeeze(1)
    where = slots.index_select(0, keep)
    size = k_cache.shape[1]
    page = torch.div(where, size, rounding_mode="floor")
    k_cache.index_put_((page, where - page * size), keys[keep].to(k_cache.dtype))
    return queries.to(q.dtype)
