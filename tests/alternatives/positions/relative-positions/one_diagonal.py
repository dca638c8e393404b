"""The bias depends on r alone: made for all r once, then read along the diagonals."""

import math

import torch


def spread(values, T_q, T_k):
    """values[..., m] is for r = m - (T_k - 1); entry i, j needs r = j - i - T_k + T_q."""
    shift = torch.arange(T_q - 1, -1, -1, device=values.device)
    return values[..., shift[:, None] + torch.arange(T_k, device=values.device)]


def shaw_scores(q, k, table):
    T_q, T_k, D = q.shape[2], k.shape[2], q.shape[3]
    R = len(table) // 2
    dtype = torch.float64 if q.dtype == torch.float64 else torch.float32
    r = torch.arange(1 - T_k, T_q, device=q.device)
    vectors = table.to(dtype)[r.clamp(min=-R, max=R) + R]
    near = q.to(dtype).matmul(vectors.T)
    # each query reads another window of its own row
    windows = [near[:, :, i, T_q - 1 - i : T_q - 1 - i + T_k] for i in range(T_q)]
    content = q.to(dtype).matmul(k.to(dtype).mT)
    return ((content + torch.stack(windows, 2)) / math.sqrt(D)).type(q.dtype)


def t5_bias(table, T_q, T_k, *, bidirectional=True, max_distance=128):
    n = len(table)
    if n % (4 if bidirectional else 2) != 0:
        raise ValueError(n)
    r = torch.arange(1 - T_k, T_q, device=table.device)
    offset = torch.zeros_like(r)
    if bidirectional:
        n = n // 2
        offset = (r > 0).long() * n
        d = r.abs()
    else:
        d = torch.relu(-r)
    e = n // 2
    if max_distance <= e:
        raise ValueError(max_distance)
    big = torch.log(d.double() / e) / math.log(max_distance / e) * (n - e)
    big = e + big.clamp(0, n - e - 1).floor().long()
    bucket = torch.where(d < e, d, big) + offset
    return spread(table[bucket].T, T_q, T_k)
