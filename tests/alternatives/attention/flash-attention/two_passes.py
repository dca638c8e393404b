"""One head at a time: a first pass over the keys for the log-sum-exp, a second for the output."""

import math

import torch


def flash_attention(q, k, v, *, causal=False, block_q=64, block_k=64):
    if block_q < 1 or block_k < 1:
        raise ValueError("a block needs a row")
    dtype = torch.float64
    B, H, T_q, D = q.shape
    T_k = k.shape[2]
    out = q.new_zeros(B, H, T_q, v.shape[3])
    lse = q.new_zeros(B, H, T_q, dtype=torch.promote_types(q.dtype, torch.float32))

    def tiles(b, h, i):
        rows = q[b, h, i : i + block_q].to(dtype)
        for j in range(0, T_k, block_k):
            if causal and j > min(i + block_q, T_q) - 1 + T_k - T_q:
                return
            scores = rows @ k[b, h, j : j + block_k].to(dtype).t() / math.sqrt(D)
            if causal:
                hidden = torch.ones_like(scores, dtype=torch.bool).triu(i + T_k - T_q - j + 1)
                scores = scores.masked_fill(hidden, -math.inf)
            yield j, scores

    for b in range(B):
        for h in range(H):
            for i in range(0, T_q, block_q):
                n = min(block_q, T_q - i)
                sums = torch.full((n,), -math.inf, dtype=dtype, device=q.device)
                for _, scores in tiles(b, h, i):
                    sums = torch.logaddexp(sums, scores.logsumexp(-1))
                seen = torch.where(sums.isinf(), torch.zeros_like(sums), sums)
                rows = torch.zeros(n, v.shape[3], dtype=dtype, device=q.device)
                for j, scores in tiles(b, h, i):
                    weights = (scores - seen[:, None]).exp()
                    rows = rows + weights @ v[b, h, j : j + block_k].to(dtype)
                out[b, h, i : i + n] = rows.to(q.dtype)
                lse[b, h, i : i + n] = sums.to(lse.dtype)
    return out, lse
