"""The band of scores diagonal by diagonal, with k shifted by each distance."""

import torch
from torch.nn.functional import pad


def sliding_window_attention(q, k, v, window):
    if window < 1:
        raise ValueError(f"window={window}")
    T_q, D = q.shape[2:]
    T_k = k.shape[2]
    if T_k < T_q:
        raise ValueError(f"{T_k} keys for {T_q} queries")
    work = torch.float64 if q.dtype == torch.float64 else torch.float32
    q, kw, vw, dtype = q.to(work) / D**0.5, k.to(work), v.to(work), q.dtype
    shift = T_k - T_q

    def earlier(x, distance):
        """x at each query's position less distance; zeros before the start."""
        x = x[:, :, max(0, shift - distance) : max(0, T_k - distance)]
        return pad(x, (0, 0, T_q - x.size(2), 0))

    reach = min(window, T_k)
    band = torch.stack([(q * earlier(kw, d)).sum(-1) for d in range(reach)], dim=-1)
    p = torch.arange(shift, T_k, device=q.device)
    band = band.masked_fill(torch.arange(reach, device=q.device) > p[:, None], -torch.inf)
    weights = band.softmax(-1)
    out = sum(weights[..., d, None] * earlier(vw, d) for d in range(reach))
    return out.to(dtype)
