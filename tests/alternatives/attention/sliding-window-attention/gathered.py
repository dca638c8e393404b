"""Every query with its own window of keys, gathered by index: (B, H, T_q, window, D)."""

import torch


def sliding_window_attention(q, k, v, window):
    T_q, T_k = q.size(2), k.size(2)
    if window <= 0:
        raise ValueError("an empty window")
    if T_q > T_k:
        raise ValueError("queries without keys")
    window = min(window, T_k)
    dtype = torch.promote_types(torch.float32, q.dtype)
    p = torch.arange(T_k - T_q, T_k, device=q.device)[:, None]
    index = p - torch.arange(window, device=q.device)  # (T_q, window)
    exists = index >= 0
    index = index.clamp(min=0)
    scores = torch.einsum("bhqd,bhqwd->bhqw", q.to(dtype), k.to(dtype)[:, :, index])
    scores = torch.where(exists, scores * q.size(3) ** -0.5, -torch.inf)
    weights = torch.softmax(scores, dim=-1)
    return torch.einsum("bhqw,bhqwd->bhqd", weights, v.to(dtype)[:, :, index]).to(q.dtype)
