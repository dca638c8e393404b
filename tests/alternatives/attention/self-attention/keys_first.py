"""Scores with the keys first, computed in float64, an additive mask, and transposed results."""

import torch
import torch.nn.functional as F


def self_attention(x, w_q, w_k, w_v, *, causal=False):
    if w_q.shape[-1] != w_k.shape[-1]:
        raise ValueError("w_q and w_k differ")
    q, k, v = [F.linear(x.double(), w.double().T) for w in (w_q, w_k, w_v)]
    scores = torch.bmm(k, q.transpose(1, 2)) * (k.size(-1) ** -0.5)  # (B, keys, queries)
    if causal:
        n = x.size(1)
        bias = torch.full((n, n), -torch.inf, dtype=torch.float64, device=x.device).tril(-1)
        scores = scores + bias
    weights = F.softmax(scores, dim=1)
    out = torch.bmm(v.transpose(1, 2), weights)
    return [out.to(x.dtype).transpose(1, 2), weights.to(x.dtype).transpose(1, 2)]
