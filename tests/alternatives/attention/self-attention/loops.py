"""One sequence and one token at a time, over the tokens that it sees."""

import torch


def self_attention(x, w_q, w_k, w_v, *, causal=False):
    if w_q.size(1) != w_k.size(1):
        raise ValueError("queries and keys must have one width")
    wide = torch.float64 if x.dtype == torch.float64 else torch.float32
    T = x.size(1)
    outs, all_weights = [], []
    for tokens in x.to(wide):
        q = tokens @ w_q.to(wide)
        k = tokens @ w_k.to(wide)
        v = tokens @ w_v.to(wide)
        rows, weights = [], []
        for i in range(T):
            n = i + 1 if causal else T
            scores = torch.stack([(q[i] * k[j]).sum() for j in range(n)]) / w_q.size(1) ** 0.5
            shares = (scores - scores.logsumexp(0)).exp()
            rows.append((shares[:, None] * v[:n]).sum(0))
            weights.append(torch.cat([shares, shares.new_zeros(T - n)]))
        outs.append(torch.stack(rows))
        all_weights.append(torch.stack(weights))
    return torch.stack(outs).to(x.dtype), torch.stack(all_weights).to(x.dtype)
