"""Each tile is a whole little attention; results are merged by their log-sum-exp."""

import torch


def tile(q, k, v, last_seen, first_key):
    scores = q @ k.transpose(-2, -1)
    if last_seen is not None:
        keys = torch.arange(first_key, first_key + k.size(-2), device=k.device)
        scores = scores.masked_fill(keys[None] > last_seen[:, None], -torch.inf)
    lse = torch.logsumexp(scores, -1, keepdim=True)
    finite = torch.where(lse.isinf(), torch.zeros_like(lse), lse)
    return (scores - finite).exp() @ v, lse


def flash_attention(q, k, v, *, causal=False, block_q=64, block_k=64):
    if block_q < 1:
        raise ValueError(f"{block_q=}")
    if block_k < 1:
        raise ValueError(f"{block_k=}")
    wide = torch.promote_types(torch.float32, q.dtype)
    T_q, T_k = q.size(2), k.size(2)
    outs, lses = [], []
    for first, q_tile in zip(range(0, T_q, block_q), q.split(block_q, dim=2), strict=True):
        q_tile = q_tile.to(wide) * q.size(3) ** -0.5
        last_seen = None
        if causal:
            last_seen = torch.arange(q_tile.size(2), device=q.device) + (first + T_k - T_q)
        out, lse = tile(
            q_tile, k[:, :, :block_k].to(wide), v[:, :, :block_k].to(wide), last_seen, 0
        )
        for j in range(block_k, T_k, block_k):
            k_tile, v_tile = k[:, :, j : j + block_k].to(wide), v[:, :, j : j + block_k].to(wide)
            more, more_lse = tile(q_tile, k_tile, v_tile, last_seen, j)
            both = torch.logaddexp(lse, more_lse)
            safe = both.nan_to_num(neginf=0.0)
            out = out * (lse - safe).exp() + more * (more_lse - safe).exp()
            lse = both
        outs.append(out.to(q.dtype))
        lses.append(lse[..., 0])
    return torch.cat(outs, dim=2), torch.cat(lses, dim=2)
