"""einsum throughout, all three projections at once, and a softmax written out."""

import torch


def self_attention(x, w_q, w_k, w_v, *, causal=False):
    if w_q.shape != w_k.shape:
        raise ValueError(f"{w_q.shape} != {w_k.shape}")
    dtype = torch.promote_types(torch.float32, x.dtype)
    d_k, d_v = w_q.shape[1], w_v.shape[1]
    w = torch.cat([w_q, w_k, w_v], dim=1).to(dtype)
    q, k, v = torch.einsum("btd,de->bte", x.to(dtype), w).split([d_k, d_k, d_v], dim=-1)
    logits = torch.einsum("bid,bjd->bij", q * d_k**-0.5, k)
    if causal:
        t = torch.arange(x.shape[1], device=x.device)
        logits = torch.where(t[None, :] <= t[:, None], logits, -torch.inf)
    e = torch.exp(logits - logits.detach().amax(-1, keepdim=True))
    weights = e / e.sum(-1, keepdim=True)
    return torch.einsum("bij,bje->bie", weights, v).to(x.dtype), weights.to(x.dtype)
