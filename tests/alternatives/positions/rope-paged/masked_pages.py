"""Each slot asks which token is its own: a one-hot product, and torch.where over the cache."""

import torch


def rope_into_pages(q, k, positions, slots, k_cache, *, theta=10000.0):
    D = q.size(2)
    if D % 2 != 0:
        raise ValueError(f"odd head dimension {D}")
    wide = torch.promote_types(q.dtype, torch.float32)
    i = torch.arange(D // 2, device=q.device, dtype=wide)
    angles = torch.einsum("n,i->ni", positions.to(wide), torch.pow(theta, -2 * i / D))
    unit = torch.polar(torch.ones_like(angles), angles).unsqueeze(1)

    def turn(x):
        a, b = x.to(wide).tensor_split(2, dim=-1)
        z = torch.complex(a.contiguous(), b.contiguous()) * unit
        return torch.cat([z.real, z.imag], -1)

    P, S, G, _ = k_cache.shape
    mine = torch.arange(P * S, device=q.device)[:, None] == slots[None, :]
    fresh = torch.einsum("sn,ngd->sgd", mine.to(wide), turn(k)).reshape(P, S, G, D)
    taken = mine.any(1).view(P, S, 1, 1)
    k_cache.copy_(torch.where(taken, fresh.to(k_cache.dtype), k_cache))
    return turn(q).to(q.dtype)
