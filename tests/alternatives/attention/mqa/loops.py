"""Head by head and query by query, over the keys that the query sees."""

import torch


def multi_query_attention(q, k, v, *, causal=True):
    B, H, T_q, D = q.shape
    T_k = k.size(1)
    rows = []
    for b in range(B):
        for h in range(H):
            for i in range(T_q):
                n = T_k - T_q + i + 1 if causal else T_k
                scores = (k[b, :n].double() * q[b, h, i].double()).sum(-1) / D**0.5
                weights = (scores - scores.logsumexp(0)).exp()
                rows.append((weights[:, None] * v[b, :n].double()).sum(0))
    return torch.stack(rows).reshape(B, H, T_q, -1).to(q.dtype)
