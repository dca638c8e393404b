"""One block at a time, with a running maximum and sum, as a kernel would."""

import torch
from torch import Tensor


def paged_attention(
    q: Tensor,
    k_cache: Tensor,
    v_cache: Tensor,
    block_table: Tensor,
    seq_lens: Tensor,
    *,
    scale: float | None = None,
) -> Tensor:
    B, H, D = q.shape
    S, G = k_cache.shape[1], k_cache.shape[2]
    if H % G:
        raise ValueError("H must be a multiple of G")
    R = H // G
    factor = D**-0.5 if scale is None else scale
    wide = q.dtype if q.dtype == torch.float64 else torch.float32
    result = torch.zeros(B, H, D, dtype=wide, device=q.device)
    for b in range(B):
        left = int(seq_lens[b])
        for g in range(G):
            mine = slice(g * R, (g + 1) * R)
            query = q[b, mine].to(wide) * factor
            top = torch.full((R, 1), float("-inf"), dtype=wide, device=q.device)
            total = torch.zeros(R, 1, dtype=wide, device=q.device)
            acc = torch.zeros(R, D, dtype=wide, device=q.device)
            for j in range(0, left, S):
                block = int(block_table[b, j // S])
                filled = min(S, left - j)
                k = k_cache[block, :filled, g].to(wide)
                v = v_cache[block, :filled, g].to(wide)
                s = query @ k.T
                new = torch.maximum(top, s.max(dim=1, keepdim=True).values)
                shrink, p = (top - new).exp(), (s - new).exp()
                total = total * shrink + p.sum(dim=1, keepdim=True)
                acc = acc * shrink + p @ v
                top = new
            if left:
                result[b, mine] = acc / total
    return result.to(q.dtype)
