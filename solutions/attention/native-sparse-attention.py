"""Block-sparse attention with selected blocks (NSA)."""

import math

import torch
from torch import Tensor


def native_sparse_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    gates: Tensor,
    *,
    block_size: int,
    n_selected: int,
    window: int,
) -> Tensor:
    """The weights of the compressed branch choose blocks; both other branches gather keys."""
    B, H, T, D = q.shape
    G = k.shape[1]
    if H % G:
        raise ValueError(f"query heads ({H}) must be a multiple of KV heads ({G})")
    if block_size < 1 or window < 1 or n_selected < 3:
        raise ValueError(f"too small: {block_size=}, {window=}, {n_selected=}")
    given, dtype = q.dtype, torch.promote_types(q.dtype, torch.float32)
    q, k, v, gates = (x.to(dtype) for x in (q, k, v, gates))
    q = torch.unflatten(q, 1, (G, H // G)) / math.sqrt(D)  # (B, G, M, T, D)
    batch = torch.arange(B, device=q.device)[:, None, None, None]
    group = torch.arange(G, device=q.device)[:, None, None]
    t = torch.arange(T, device=q.device)[:, None]

    def read(keys: Tensor) -> Tensor:
        """Attend from each query to its own keys, positions of (B or 1, G or 1, T, S)."""
        hidden = (keys < 0) | (keys > t)
        keys = keys.clamp(0, T - 1)
        scores = torch.einsum("bgmtd,bgtsd->bgmts", q, k[batch, group, keys])
        weights = scores.masked_fill(hidden[:, :, None], float("-inf")).softmax(dim=-1)
        return torch.einsum("bgmts,bgtsd->bgmtd", weights, v[batch, group, keys])

    whole, blocks = T // block_size, math.ceil(T / block_size)
    k_mean, v_mean = (
        torch.unflatten(x[:, :, : whole * block_size], 2, (whole, block_size)).mean(dim=3)
        for x in (k, v)
    )  # (B, G, whole, D)
    block = torch.arange(blocks, device=q.device)
    unread = (block[:whole] + 1) * block_size > t + 1  # (T, whole)
    scores = torch.einsum("bgmtd,bgjd->bgmtj", q, k_mean).masked_fill(unread, float("-inf"))
    # the first queries see no block: clear what their softmax makes of -inf alone
    weights = scores.softmax(dim=-1).masked_fill(unread, 0.0)
    compressed = torch.einsum("bgmtj,bgjd->bgmtd", weights, v_mean)

    own = t // block_size
    importance = torch.zeros(B, G, T, blocks, dtype=dtype, device=q.device)
    importance[..., :whole] = weights.sum(dim=2)
    always = (block == 0) | ((block >= own - 1) & (block <= own))
    importance = importance.masked_fill(always, float("inf"))
    # blocks after own weigh nothing and come last; where they fill up the n, their keys are hidden
    ranked = importance.argsort(dim=-1, descending=True, stable=True)[..., :n_selected]
    keys = ranked[..., None] * block_size + torch.arange(block_size, device=q.device)
    selected = read(keys.flatten(-2))

    sliding = read((t - torch.arange(min(window, T), device=q.device))[None, None])

    branches = torch.stack([compressed, selected, sliding], dim=-1).flatten(1, 2)
    return (branches * gates[..., None, :]).sum(dim=-1).to(given)
