"""Heads behind the tokens, an additive mask, and an output that is not contiguous."""

import torch


def multi_query_attention(q, k, v, *, causal=True):
    B, H, T_q, D = q.shape
    T_k = k.shape[1]
    wide = torch.promote_types(torch.float32, q.dtype)
    rows = q.transpose(1, 2).reshape(B, T_q * H, D).to(wide)
    scores = torch.bmm(rows, k.transpose(1, 2).to(wide)).div(D**0.5).view(B, T_q, H, T_k)
    if causal:
        bias = torch.full((T_q, T_k), float("-inf"), dtype=wide, device=q.device)
        scores = scores + bias.triu(T_k - T_q + 1)[:, None]
    exps = torch.exp(scores - scores.amax(dim=-1, keepdim=True))
    weights = exps / exps.sum(dim=-1, keepdim=True)
    out = torch.bmm(weights.view(B, T_q * H, T_k), v.to(wide)).view(B, T_q, H, -1)
    return out.to(q.dtype).permute(0, 2, 1, 3)
