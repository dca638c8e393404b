"""ALiBi slopes and bias."""

import torch
from torch import Tensor


def alibi_slopes(n_heads: int) -> list[float]:
    """Powers of one ratio; what a power of two leaves over is filled from the next."""
    P = 2 ** (n_heads.bit_length() - 1)
    slopes = [2 ** (-8 * (h + 1) / P) for h in range(P)]
    between = [2 ** (-8 * (h + 1) / (2 * P)) for h in range(0, 2 * P, 2)]
    return slopes + between[: n_heads - P]


def add_alibi(scores: Tensor, *, causal: bool = True) -> Tensor:
    """Subtract positions from each other, and scale the distance by head."""
    H, T_q, T_k = scores.shape[1:]
    dtype = torch.promote_types(scores.dtype, torch.float32)
    query = torch.arange(T_q, device=scores.device)[:, None] + T_k - T_q
    ahead = query - torch.arange(T_k, device=scores.device)  # (T_q, T_k)
    slopes = torch.tensor(alibi_slopes(H), dtype=dtype, device=scores.device)
    biased = scores.to(dtype) - slopes[:, None, None] * ahead.abs()
    if causal:
        biased = biased.masked_fill(ahead < 0, float("-inf"))
    return biased.to(scores.dtype)
