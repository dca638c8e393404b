"""One fused projection for q, k and v, and heads folded into the batch for bmm."""

import torch


def mha_backward(grad_out, x, w_q, w_k, w_v, w_o, n_heads, *, causal=True):
    B, T, C = x.shape
    D, rest = divmod(C, n_heads)
    if rest:
        raise ValueError("n_heads must divide d_model")
    dtype = torch.promote_types(torch.float32, x.dtype)
    w = torch.cat([w_q, w_k, w_v]).to(dtype)  # (3C, C)
    flat, dy, wo = (
        x.reshape(B * T, C).to(dtype),
        grad_out.reshape(B * T, C).to(dtype),
        w_o.to(dtype),
    )

    def fold(y):
        return y.reshape(B, T, n_heads, D).permute(0, 2, 1, 3).reshape(B * n_heads, T, D)

    def unfold(y):
        return y.reshape(B, n_heads, T, D).permute(0, 2, 1, 3).reshape(B * T, C)

    q, k, v = map(fold, (flat @ w.t()).chunk(3, dim=1))
    q = q / D**0.5
    s = torch.bmm(q, k.transpose(1, 2))
    if causal:
        s = s + torch.full((T, T), -torch.inf, dtype=dtype, device=x.device).triu(1)
    e = (s - s.amax(-1, keepdim=True)).exp()
    p = e / e.sum(-1, keepdim=True)
    o = torch.bmm(p, v)

    do = fold(dy @ wo)
    dp = torch.bmm(do, v.transpose(1, 2))
    ds = p * dp
    ds = ds - p * ds.sum(-1, keepdim=True)
    dq = torch.bmm(ds, k) / D**0.5
    dk = torch.bmm(ds.transpose(1, 2), q)
    dv = torch.bmm(p.transpose(1, 2), do)
    dqkv = torch.cat([unfold(dq), unfold(dk), unfold(dv)], dim=1)
    dx = (dqkv @ w).reshape(B, T, C)
    dw_q, dw_k, dw_v = (dqkv.t() @ flat).to(x.dtype).chunk(3)
    return dx.to(x.dtype), dw_q, dw_k, dw_v, (dy.t() @ unfold(o)).to(x.dtype)
