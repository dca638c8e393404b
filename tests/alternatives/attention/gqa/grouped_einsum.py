"""No copies of k and v: the query heads of a group are an axis of their own."""

import torch


def grouped_query_attention(q, k, v, *, causal=True):
    B, H, Tq, D = q.shape
    G, Tk = k.shape[1], k.shape[2]
    if H % G != 0:
        raise ValueError(f"{H} heads cannot be divided among {G} groups")
    acc = torch.float64 if q.dtype == torch.float64 else torch.float32
    qg = q.reshape(B, G, H // G, Tq, D).to(acc)
    logits = torch.einsum("bgrqd,bgkd->bgrqk", qg * D**-0.5, k.to(acc))
    if causal:
        q_pos = torch.arange(Tk - Tq, Tk, device=q.device)[:, None]
        k_pos = torch.arange(Tk, device=q.device)[None, :]
        logits = torch.where(k_pos <= q_pos, logits, -torch.inf)
    probs = torch.softmax(logits, dim=-1)
    return torch.einsum("bgrqk,bgkd->bgrqd", probs, v.to(acc)).reshape(B, H, Tq, D).type_as(q)
