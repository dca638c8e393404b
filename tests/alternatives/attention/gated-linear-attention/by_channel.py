"""Scores channel by channel, so that a pair needs one number at a time."""

import torch


def gla_chunked(q, k, v, g, *, chunk_size, state=None):
    if chunk_size < 1:
        raise ValueError(f"chunk_size {chunk_size}")
    D, dtype = q.shape[-1], q.dtype
    acc = torch.double if dtype == torch.double else torch.float
    outs = []
    for start in range(0, q.shape[2], chunk_size):
        end = start + chunk_size
        Q, K, V, G = (x[:, :, start:end].to(acc) for x in (q, k, v, g))
        b = torch.cumsum(G, dim=2)
        future = torch.full((Q.shape[2],) * 2, -torch.inf, dtype=acc, device=q.device).triu(1)
        scores = torch.zeros(*Q.shape[:3], Q.shape[2], dtype=acc, device=q.device)
        for d in range(D):
            # min(0, .) changes nothing where j <= i, and keeps exp from overflowing elsewhere
            apart = (b[..., d, None] - b[..., None, :, d]).clamp(max=0) + future
            scores = scores + Q[..., d, None] * K[..., None, :, d] * apart.exp()
        out = scores @ V
        kept = (K * (b[:, :, -1:] - b).exp()).transpose(2, 3) @ V
        if state is not None:
            out = out + (Q * b.exp()) @ state
            kept = kept + b[:, :, -1].exp()[..., None] * state
        state = kept
        outs.append(out / D**0.5)
    return torch.cat(outs, dim=2).to(dtype), state


def gla_recurrent(q, k, v, g, *, state=None):
    return gla_chunked(q, k, v, g, chunk_size=2, state=state)
