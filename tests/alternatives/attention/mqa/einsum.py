"""einsum in which k and v have no head index, and positions compared."""

import torch


def multi_query_attention(q, k, v, *, causal=True):
    acc = torch.float64 if q.dtype == torch.float64 else torch.float32
    Tq, Tk = q.size(2), k.size(1)
    logits = torch.einsum("bhqd,bkd->bhqk", q.to(acc) * q.size(-1) ** -0.5, k.to(acc))
    if causal:
        q_pos = torch.arange(Tk - Tq, Tk, device=q.device)[:, None]
        logits = torch.where(torch.arange(Tk, device=q.device) <= q_pos, logits, -torch.inf)
    return torch.einsum("bhqk,bkd->bhqd", logits.softmax(-1), v.to(acc)).type_as(q)
