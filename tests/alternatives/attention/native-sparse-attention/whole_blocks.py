"""Blocks as an axis of padded keys, whole blocks gathered; the window by unfolding."""

import torch
import torch.nn.functional as F


def native_sparse_attention(q, k, v, gates, *, block_size, n_selected, window):
    B, H, T, D = q.shape
    G = k.shape[1]
    if H % G or block_size <= 0 or window <= 0 or n_selected <= 2:
        raise ValueError(f"{H=} {G=} {block_size=} {n_selected=} {window=}")
    M, window = H // G, min(window, T)
    n_blocks = -(-T // block_size)
    fill = n_blocks * block_size - T
    wide = torch.promote_types(q.dtype, torch.float32)
    # (B, T, G, M, D), and blocks (B, G, n_blocks, block_size, D)
    queries = q.to(wide).transpose(1, 2).reshape(B, T, G, M, D)
    k_blocks, v_blocks = (
        F.pad(x.to(wide), (0, 0, 0, fill)).unflatten(2, (n_blocks, block_size)) for x in (k, v)
    )
    scale = D**-0.5
    t = torch.arange(T, device=q.device)
    own = torch.div(t, block_size, rounding_mode="floor")
    done = torch.div(t + 1, block_size, rounding_mode="floor")  # how many blocks have ended
    numbers = torch.arange(n_blocks, device=q.device)

    # a padded block never ends before T, so its mean is hidden from all
    ended = numbers < done[:, None]  # (T, n_blocks)
    scores = torch.einsum("btgmd,bgnd->btgmn", queries, k_blocks.mean(3)) * scale
    scores = scores.masked_fill(~ended[:, None, None], torch.finfo(wide).min)
    p = scores.softmax(-1) * ended[:, None, None]
    compressed = torch.einsum("btgmn,bgnd->btgmd", p, v_blocks.mean(3))

    votes = p.detach().sum(3)  # (B, T, G, n_blocks)
    votes = torch.where(numbers > own[:, None, None], -1.0, votes)
    local = (numbers <= own[:, None, None]) & (numbers >= own[:, None, None] - 1)
    votes = torch.where(local | (numbers == 0), H + 1.0, votes)
    picked = torch.sort(-votes, dim=-1, stable=True)[1][..., : min(n_selected, n_blocks)]
    b = torch.arange(B, device=q.device).view(B, 1, 1, 1)
    g = torch.arange(G, device=q.device).view(1, 1, G, 1)
    place = picked[..., None] * block_size + torch.arange(block_size, device=q.device)
    seen = (place <= t[:, None, None, None]).flatten(3)  # (B, T, G, n * block_size)
    near_k, near_v = (x[b, g, picked].flatten(3, 4) for x in (k_blocks, v_blocks))
    scores = (queries @ near_k.mT * scale).masked_fill(~seen[:, :, :, None], -torch.inf)
    selected = scores.softmax(-1) @ near_v

    # position t has t - window + 1 to t in its columns
    k_strip, v_strip = (
        F.pad(x.to(wide), (0, 0, window - 1, 0)).unfold(2, window, 1) for x in (k, v)
    )  # (B, G, T, D, window)
    exists = t[:, None] - window + 1 + torch.arange(window, device=q.device) >= 0
    scores = torch.einsum("btgmd,bgtdw->btgmw", queries, k_strip) * scale
    scores = scores.masked_fill(~exists[:, None, None], -torch.inf)
    sliding = torch.einsum("btgmw,bgtdw->btgmd", scores.softmax(-1), v_strip)

    mix = gates.to(wide).transpose(1, 2).reshape(B, T, G, M, 3)
    out = compressed * mix[..., :1] + selected * mix[..., 1:2] + sliding * mix[..., 2:]
    return out.reshape(B, T, H, -1).transpose(1, 2).to(q.dtype)
