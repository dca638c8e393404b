"""Blocks of neighbouring queries against strips of keys; global tokens in padded lists."""

import torch


def gather_tokens(x, index):
    """(B, H, n, D) from (B, H, T, D) by places (B, n)."""
    B, H, _, D = x.shape
    return x.gather(2, index[:, None, :, None].expand(B, H, index.shape[1], D))


def longformer_attention(q, k, v, q_global, k_global, v_global, is_global, window, *, mask=None):
    if window % 2 or window <= 0:
        raise ValueError(f"bad window: {window}")
    out_dtype, half, T = q.dtype, window // 2, q.shape[2]
    if out_dtype in (torch.float16, torch.bfloat16):
        q, k, v, q_global, k_global, v_global = (
            x.float() for x in (q, k, v, q_global, k_global, v_global)
        )
    scale = q.shape[3] ** -0.5
    if mask is None:
        mask = torch.ones_like(is_global)
    hub = is_global & mask

    # places of global tokens first; rows with fewer than the most are filled up
    n = int(hub.sum(1).max())
    places = hub.int().argsort(dim=1, descending=True, stable=True)[:, :n]
    used = hub.gather(1, places)  # (B, n)
    hub_k, hub_v = gather_tokens(k, places), gather_tokens(v, places)

    position = torch.arange(T, device=q.device)
    pieces = []
    for start in range(0, T, half):
        stop = min(T, start + half)
        low, high = max(0, start - half), min(T, stop + half)
        band = (position[start:stop, None] - position[low:high]).abs() <= half
        seen = band & (mask & ~hub)[:, None, low:high]  # (B, rows, strip)
        near = q[:, :, start:stop] @ k[:, :, low:high].mT * scale
        near = near.masked_fill(~seen[:, None], -torch.inf)
        far = q[:, :, start:stop] @ hub_k.mT * scale
        far = far.masked_fill(~used[:, None, None], -torch.inf)
        both = torch.cat([near, far], -1)
        # rows of padding may see nothing
        both = both.masked_fill(~mask[:, None, start:stop, None], 0.0)
        share = both.softmax(-1)
        piece = share[..., : high - low] @ v[:, :, low:high] + share[..., high - low :] @ hub_v
        pieces.append(piece)
    out = torch.cat(pieces, 2)

    scores = gather_tokens(q_global, places) @ k_global.mT * scale
    scores = scores.masked_fill(~mask[:, None, None], -torch.inf)
    # a sequence of padding only has no global token: its rows are used nowhere
    scores = scores.masked_fill(~mask.any(1)[:, None, None, None], 0.0)
    rows = scores.softmax(-1) @ v_global
    out = out.transpose(1, 2).masked_fill(~mask[..., None, None], 0.0)
    out = out.index_put(hub.nonzero(as_tuple=True), rows.transpose(1, 2)[used])
    return out.transpose(1, 2).to(out_dtype)
