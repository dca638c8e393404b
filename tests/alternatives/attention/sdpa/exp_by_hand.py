"""exp and sum by hand in einsum, with weights that are zero where nothing is seen."""

import torch


def build_bias(q, k, mask, causal):
    Tq, Tk = q.size(2), k.size(2)
    bias = torch.zeros(1, 1, Tq, Tk, dtype=q.dtype, device=q.device)
    if causal:
        rows = torch.arange(Tq, device=q.device).view(-1, 1)
        cols = torch.arange(Tk, device=q.device).view(1, -1)
        bias = torch.where(cols - (Tk - Tq) > rows, -torch.inf, bias)
    if mask is None:
        return bias
    if mask.dtype is torch.bool:
        return bias + torch.where(mask, 0.0, -torch.inf).to(q.dtype)
    return bias + mask.to(q.dtype)


def attention(q, k, v, mask=None, *, causal=False, scale=None):
    dtype = q.dtype
    if dtype in (torch.float16, torch.bfloat16):
        q, k, v = q.float(), k.float(), v.float()
    scale = scale if scale is not None else q.size(-1) ** -0.5
    scores = torch.einsum("bhqd,bhkd->bhqk", q * scale, k) + build_bias(q, k, mask, causal)
    top = scores.detach().amax(-1, keepdim=True).clamp_min(torch.finfo(q.dtype).min)
    weights = torch.exp(scores - top)
    total = weights.sum(-1, keepdim=True)
    # a total of zero means that nothing is seen
    out = torch.einsum("bhqk,bhkd->bhqd", weights, v) / torch.where(total == 0, 1.0, total)
    return out.to(dtype)
