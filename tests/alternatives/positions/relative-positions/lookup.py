"""All keys with their vectors added, by einsum; buckets by searching their lower bounds."""

import torch


def shaw_scores(q, k, table):
    wide = torch.promote_types(q.dtype, torch.float32)
    T_q, T_k = q.size(2), k.size(2)
    R = table.size(0) // 2
    device = q.device
    r = torch.arange(T_k, device=device)[None] - torch.arange(T_q, device=device)[:, None]
    r = torch.clip(r - T_k + T_q, -R, R)
    vectors = torch.nn.functional.embedding(r + R, table.to(wide))
    scores = torch.einsum("bhid,bhjd->bhij", q.to(wide), k.to(wide))
    scores = scores + torch.einsum("bhid,ijd->bhij", q.to(wide), vectors)
    return scores.mul(q.size(-1) ** -0.5).to(q.dtype)


def t5_bias(table, T_q, T_k, *, bidirectional=True, max_distance=128):
    N = table.size(0)
    if N % 2 == 1 or (bidirectional and N % 4 == 2):
        raise ValueError(f"{N} buckets")
    half = N // 2 if bidirectional else N
    exact = half // 2
    if not max_distance > exact:
        raise ValueError(f"max_distance {max_distance}")
    device = table.device
    steps = torch.arange(1, half - exact, dtype=torch.float64, device=device) / (half - exact)
    bounds = exact * (max_distance / exact) ** steps
    whole = torch.arange(1, exact + 1, dtype=torch.float64, device=device)
    bounds = torch.cat([whole, bounds])
    key = torch.arange(T_k, device=device).unsqueeze(0)
    query = torch.arange(T_q, device=device).unsqueeze(1) + (T_k - T_q)
    past = (query - key).clamp_min(0)
    future = (key - query).clamp_min(0)
    distance = past + future if bidirectional else past
    bucket = torch.searchsorted(bounds, distance.double(), right=True)
    if bidirectional:
        bucket = torch.where(future > 0, bucket + half, bucket)
    return torch.nn.functional.embedding(bucket, table).permute(2, 0, 1).contiguous()
