"""einsum throughout, and the softmax's sum as output times gradient, as in FlashAttention."""

import torch


def mha_backward(grad_out, x, w_q, w_k, w_v, w_o, n_heads, *, causal=True):
    T, C = x.shape[1:]
    if C % n_heads != 0:
        raise ValueError("heads do not divide the width")
    acc = torch.float64 if x.dtype == torch.float64 else torch.float32
    D = C // n_heads
    dy, xx = grad_out.to(acc), x.to(acc)
    wq, wk, wv = (w.to(acc).view(n_heads, D, C) for w in (w_q, w_k, w_v))
    wo = w_o.to(acc).reshape(C, n_heads, D)
    q, k, v = (torch.einsum("btc,hdc->bhtd", xx, w) for w in (wq, wk, wv))
    s = torch.einsum("bhid,bhjd->bhij", q, k) / D**0.5
    if causal:
        t = torch.arange(T, device=x.device)
        s = torch.where(t <= t[:, None], s, -torch.inf)
    p = torch.exp(s - s.logsumexp(-1, keepdim=True))
    o = torch.einsum("bhij,bhjd->bhid", p, v)

    do = torch.einsum("bte,ehd->bhtd", dy, wo)
    delta = (do * o).sum(-1, keepdim=True)
    ds = p * (torch.einsum("bhid,bhjd->bhij", do, v) - delta) / D**0.5
    dq = torch.einsum("bhij,bhjd->bhid", ds, k)
    dk = torch.einsum("bhij,bhid->bhjd", ds, q)
    dv = torch.einsum("bhij,bhid->bhjd", p, do)
    dx = sum(torch.einsum("bhtd,hdc->btc", g, w) for g, w in ((dq, wq), (dk, wk), (dv, wv)))
    dws = [torch.einsum("bhtd,btc->hdc", g, xx).reshape(C, C) for g in (dq, dk, dv)]
    dwo = torch.einsum("bte,bhtd->ehd", dy, o).reshape(C, C)
    return tuple(grad.to(x.dtype) for grad in (dx, *dws, dwo))
