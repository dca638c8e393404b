"""Head by head and query by query, over the keys that the query sees."""

import torch


def one_head(q, k, v, causal):
    rows = []
    for i in range(len(q)):
        n = len(k) - len(q) + i + 1 if causal else len(k)
        scores = (k[:n] * q[i]).sum(-1) / q.shape[-1] ** 0.5
        weights = (scores - scores.logsumexp(0)).exp()
        rows.append((weights[:, None] * v[:n]).sum(0))
    return torch.stack(rows)


def grouped_query_attention(q, k, v, *, causal=True):
    n_heads, n_kv = q.size(1), k.size(1)
    if n_heads % n_kv:
        raise ValueError("the query heads do not divide evenly")
    share = n_heads // n_kv
    wide = q.double(), k.double(), v.double()
    out = [
        [one_head(qb[h], kb[h // share], vb[h // share], causal) for h in range(n_heads)]
        for qb, kb, vb in zip(*wide, strict=True)
    ]
    return torch.stack([torch.stack(heads) for heads in out]).to(q.dtype)
