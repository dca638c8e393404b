"""Longformer local and global attention."""

import math

import torch
from torch import Tensor
from torch.nn.functional import pad


def longformer_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    q_global: Tensor,
    k_global: Tensor,
    v_global: Tensor,
    is_global: Tensor,
    window: int,
    *,
    mask: Tensor | None = None,
) -> Tensor:
    """Score each window as a strip, append the global keys, then overwrite the global rows."""
    if window < 2 or window % 2:
        raise ValueError(f"window must be even and at least 2, got {window}")
    side, given = window // 2, q.dtype
    dtype = torch.promote_types(given, torch.float32)
    q, q_global = (x.to(dtype) / math.sqrt(q.shape[-1]) for x in (q, q_global))
    k, v, k_global, v_global = (x.to(dtype) for x in (k, v, k_global, v_global))
    token = torch.ones_like(is_global) if mask is None else mask
    is_global = is_global & token

    # views: column w of row t lies at t - side + w
    k_near, v_near = (pad(x, (0, 0, side, side)).unfold(2, window + 1, 1) for x in (k, v))
    near = pad(token & ~is_global, (side, side)).unfold(1, window + 1, 1)  # (B, T, window + 1)
    # rows of padding are cleared at the end; until then a softmax over nothing would be NaN
    near = near | ~token[..., None]

    rows = []
    for b in range(len(q)):
        found = is_global[b].nonzero().squeeze(-1)  # (n,), another n in each sequence
        scores = torch.einsum("htd,htdw->htw", q[b], k_near[b])
        scores = scores.masked_fill(~near[b], float("-inf"))
        to_global = q[b] @ k[b][:, found].mT  # (H, T, n)
        weights = torch.cat([scores, to_global], dim=-1).softmax(dim=-1)
        out = torch.einsum("htw,htdw->htd", weights[..., : window + 1], v_near[b])
        out = out + weights[..., window + 1 :] @ v[b][:, found]

        from_global = q_global[b][:, found] @ k_global[b].mT  # (H, n, T)
        from_global = from_global.masked_fill(~token[b], float("-inf"))
        out[:, found] = from_global.softmax(dim=-1) @ v_global[b]
        rows.append(out)
    return torch.stack(rows).masked_fill(~token[:, None, :, None], 0.0).to(given)
