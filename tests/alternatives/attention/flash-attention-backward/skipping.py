"""Heads folded into the batch, queries outside, and tiles above the diagonal skipped."""

import math

import torch


def flash_attention_backward(grad_out, q, k, v, out, lse, *, causal=False, block_q=64, block_k=64):
    if block_q <= 0 or block_k <= 0:
        raise ValueError("a tile must have rows")
    dtype = q.dtype
    acc = torch.promote_types(torch.float32, dtype)
    B, H, T_q, D = q.shape
    T_k, D_v = v.shape[2:]
    scale = D**-0.5
    dq = torch.zeros(B * H, T_q, D, dtype=acc, device=q.device)
    dk = torch.zeros(B * H, T_k, D, dtype=acc, device=q.device)
    dv = torch.zeros(B * H, T_k, D_v, dtype=acc, device=q.device)
    q, k, v, o, do = (x.reshape(B * H, x.size(2), x.size(3)) for x in (q, k, v, out, grad_out))
    lse = lse.reshape(B * H, T_q, 1)
    for i in range(0, T_q, block_q):
        i_end = min(i + block_q, T_q)
        qi, oi, doi = (x[:, i:i_end].to(acc) for x in (q, o, do))
        di = (doi * oi).sum(2, keepdim=True)
        for j in range(0, T_k, block_k):
            j_end = min(j + block_k, T_k)
            if causal and j > i_end - 1 + T_k - T_q:
                break
            kj, vj = k[:, j:j_end].to(acc), v[:, j:j_end].to(acc)
            s = torch.bmm(qi, kj.transpose(1, 2)) * scale - lse[:, i:i_end].to(acc)
            if causal:
                ahead = torch.ones(i_end - i, j_end - j, dtype=torch.bool, device=q.device)
                s = s.masked_fill(ahead.triu(i - j + T_k - T_q + 1), -math.inf)
                # +inf and NaN from an lse of -inf
                s = s.masked_fill(lse[:, i:i_end].isinf(), -math.inf)
            p = s.exp()
            ds = p * (torch.bmm(doi, vj.transpose(1, 2)) - di)
            dv[:, j:j_end] += torch.bmm(p.transpose(1, 2), doi)
            dk[:, j:j_end] += torch.bmm(ds.transpose(1, 2), qi) * scale
            dq[:, i:i_end] += torch.bmm(ds, kj) * scale
    return [x.view(B, H, *x.shape[1:]).to(dtype) for x in (dq, dk, dv)]
