"""MLA decoding with absorbed weights."""

import math

import torch
from torch import Tensor


def absorbed_mla(
    q: Tensor,
    latent: Tensor,
    k_rope: Tensor,
    w_kv_b: Tensor,
    w_o: Tensor,
    *,
    theta: float = 10000.0,
) -> Tensor:
    """Take queries into the latent space; there it is multi-query attention."""
    T, H = q.shape[1:3]
    S, d_rope = k_rope.shape[1:]
    d_nope = q.shape[3] - d_rope
    out_dtype, dtype = q.dtype, torch.promote_types(q.dtype, torch.float32)
    q, latent, k_rope, w_kv_b, w_o = (x.to(dtype) for x in (q, latent, k_rope, w_kv_b, w_o))
    by_head = torch.unflatten(w_kv_b, 0, (H, -1))  # (H, d_nope + d_v, R)
    w_uk, w_uv = by_head[:, :d_nope], by_head[:, d_nope:]
    q_nope, q_rope = q[..., :d_nope], q[..., d_nope:]

    # q . (W_UK c) = (W_UK^T q) . c
    q_latent = torch.einsum("bthd, hdr -> bthr", q_nope, w_uk)
    positions = torch.arange(S - T, S, device=q.device)
    queries = torch.cat([q_latent, rope(q_rope, positions, theta)], dim=-1)
    keys = torch.cat([latent, k_rope], dim=-1)  # (B, S, R + d_rope)

    # heads join the queries: a broadcast of keys over heads would copy them
    scores = queries.flatten(1, 2) @ keys.mT / math.sqrt(d_nope + d_rope)
    later = torch.ones(T, S, dtype=torch.bool, device=q.device).triu(S - T + 1)
    scores = torch.unflatten(scores, 1, (T, H)).masked_fill(later[:, None], float("-inf"))
    weights = scores.softmax(dim=-1).flatten(1, 2)  # (B, T * H, S)
    read = torch.unflatten(weights @ latent, 1, (T, H))  # (B, T, H, R)
    heads = torch.einsum("bthr, hvr -> bthv", read, w_uv)
    return (heads.flatten(2) @ w_o.mT).to(out_dtype)


def rope(x: Tensor, positions: Tensor, theta: float) -> Tensor:
    """Turn channels 2i and 2i + 1 of (B, T, H, d_rope)."""
    d_rope = x.shape[-1]
    exponent = torch.arange(0, d_rope, 2, dtype=x.dtype, device=x.device) / d_rope
    angle = (positions[:, None] * theta**-exponent)[:, None]  # (T, 1, d_rope/2)
    even, odd = x[..., ::2], x[..., 1::2]
    turned = [even * angle.cos() - odd * angle.sin(), even * angle.sin() + odd * angle.cos()]
    return torch.stack(turned, dim=-1).flatten(-2)
