"""One query and one key at a time."""

import math

import torch


def row_of(i, j, T_q, T_k, R):
    r = j - (i + T_k - T_q)
    return R + max(-R, min(R, r))


def shaw_scores(q, k, table):
    T_q, T_k, R = q.shape[2], k.shape[2], (table.shape[0] - 1) // 2
    wide = torch.float64
    out = []
    for i in range(T_q):
        line = []
        for j in range(T_k):
            key = k[:, :, j].to(wide) + table[row_of(i, j, T_q, T_k, R)].to(wide)
            line.append((q[:, :, i].to(wide) * key).sum(-1))
        out.append(torch.stack(line, -1))
    return (torch.stack(out, -2) * q.shape[-1] ** -0.5).to(q.dtype)


def bucket_of(r, N, both, max_distance):
    base = 0
    if both:
        N //= 2
        base = N if r > 0 else 0
        r = abs(r)
    else:
        r = -min(r, 0)
    exact = N // 2
    if r < exact:
        return base + r
    log = math.log(r / exact) / math.log(max_distance / exact)
    return base + min(exact + int(log * (N - exact)), N - 1)


def t5_bias(table, T_q, T_k, *, bidirectional=True, max_distance=128):
    N = len(table)
    if N % 2 or (bidirectional and N % 4):
        raise ValueError("buckets")
    if max_distance <= N // (4 if bidirectional else 2):
        raise ValueError("max_distance")
    rows = [
        [bucket_of(j - i - T_k + T_q, N, bidirectional, max_distance) for j in range(T_k)]
        for i in range(T_q)
    ]
    return torch.stack([table[row] for row in rows]).movedim(-1, 0)
