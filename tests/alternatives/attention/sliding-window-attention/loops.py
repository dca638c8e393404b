"""One query at a time."""

import torch


def sliding_window_attention(q, k, v, window):
    n_q, n_k = q.shape[2], k.shape[2]
    if window < 1 or n_q > n_k:
        raise ValueError(f"window {window}, {n_q} queries, {n_k} keys")
    rows = []
    for i in range(n_q):
        stop = i + 1 + n_k - n_q
        keys = k[:, :, max(0, stop - window) : stop].double()
        values = v[:, :, max(0, stop - window) : stop].double()
        scores = (keys * q[:, :, i : i + 1].double()).sum(-1) / q.shape[3] ** 0.5
        weights = (scores - scores.logsumexp(-1, keepdim=True)).exp()
        rows.append((weights[..., None] * values).sum(2))
    # not contiguous
    return torch.stack(rows).permute(1, 2, 0, 3).to(q.dtype)
