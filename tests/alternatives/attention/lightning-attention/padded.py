"""Whole blocks at once: padded, with masks by distance and a scan over the blocks' states."""

import torch
from torch.nn.functional import pad


def lightning_attention(q, k, v, slope, *, block_size=256, state=None):
    if block_size < 1:
        raise ValueError(f"{block_size=}")
    T = q.size(2)
    C = min(block_size, T)
    acc = torch.float64 if q.dtype == torch.float64 else torch.float32
    Q, K, V = (pad(x.to(acc), (0, 0, 0, -T % C)).unflatten(2, (-1, C)) for x in (q, k, v))
    s = slope.to(acc).view(-1, 1, 1, 1)
    t = torch.arange(C, device=q.device)
    distance = t[:, None] - t
    fade = torch.where(distance < 0, 0, torch.exp(-s * distance.abs()))
    intra = torch.einsum("bhnid,bhnjd->bhnij", Q, K) * fade
    kept = K * torch.exp(-s * (C - 1 - t)[:, None])
    added = torch.einsum("bhncd,bhnce->bhnde", kept, V)
    S = torch.zeros_like(added[:, :, 0]) if state is None else state
    before = []
    for n in range(added.size(2)):
        before.append(S)
        S = torch.exp(-s[:, 0] * C) * S + added[:, :, n]
    inter = (Q * torch.exp(-s * (t + 1)[:, None])) @ torch.stack(before, 2)
    out = (intra @ V + inter).flatten(2, 3)[:, :, :T]
    # the last block's padding faded the state as well: do that block again, at its own length
    rest = T - C * (added.size(2) - 1)
    tail = slice(T - rest, T)
    left = torch.exp(-s[:, 0, 0] * (rest - 1 - torch.arange(rest, device=q.device)))
    S = torch.exp(-s[:, 0] * rest) * before[-1]
    S = S + torch.einsum("bhcd,hc,bhce->bhde", k[:, :, tail].to(acc), left, v[:, :, tail].to(acc))
    return out.to(q.dtype), S
