"""All chunks at once, padded to whole ones, and only the states one after another."""

import torch
from torch.nn.functional import pad


def gla_chunked(q, k, v, g, *, chunk_size, state=None):
    if chunk_size <= 0:
        raise ValueError(f"{chunk_size=}")
    T, D = q.shape[2:]
    C = min(chunk_size, T)
    acc = torch.float64 if q.dtype == torch.float64 else torch.float32
    # padding has no keys and gates of one
    qs, ks, vs, gs = (pad(x.to(acc), (0, 0, 0, -T % C)).unflatten(2, (-1, C)) for x in (q, k, v, g))
    b = gs.cumsum(3)
    t = torch.arange(C, device=q.device)
    apart = b.unsqueeze(4) - b.unsqueeze(3)
    apart = torch.where((t <= t[:, None])[..., None], apart, -torch.inf)
    scores = (qs.unsqueeze(4) * ks.unsqueeze(3) * torch.exp(apart)).sum(-1) * D**-0.5
    last = b[:, :, :, -1]
    added = torch.einsum("bhncd,bhnce->bhnde", ks * torch.exp(last.unsqueeze(3) - b), vs)
    S = torch.zeros_like(added[:, :, 0]) if state is None else state
    before = []
    for n in range(added.size(2)):
        before.append(S)
        S = torch.exp(last[:, :, n]).unsqueeze(-1) * S + added[:, :, n]
    inter = torch.einsum("bhncd,bhnde->bhnce", qs * torch.exp(b), torch.stack(before, 2))
    out = scores @ vs + inter * D**-0.5
    return out.flatten(2, 3)[:, :, :T].to(q.dtype), S


def gla_recurrent(q, k, v, g, *, state=None):
    return gla_chunked(q, k, v, g, chunk_size=1, state=state)
