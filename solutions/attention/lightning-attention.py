"""Lightning attention: intra- and inter-block."""

import torch
from torch import Tensor


def lightning_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    slope: Tensor,
    *,
    block_size: int = 256,
    state: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Within a block from the left, (q k^T * fade) v; for what was before from the right."""
    if block_size < 1:
        raise ValueError(f"block_size must be at least 1, got {block_size}")
    dtype = torch.promote_types(q.dtype, torch.float32)
    rate = slope.to(dtype)[:, None]  # (H, 1)
    S = state
    if S is None:
        S = torch.zeros(*q.shape[:2], q.shape[3], v.shape[3], dtype=dtype, device=q.device)

    outs = []
    for i in range(0, q.shape[2], block_size):
        q_b, k_b, v_b = (x[:, :, i : i + block_size].to(dtype) for x in (q, k, v))
        C = q_b.shape[2]  # less than block_size in the last block
        at = torch.arange(C, device=q.device)
        apart = at[:, None] - at
        # above the diagonal exp may overflow: tril drops that, where a product would make it NaN
        fade = (-rate[..., None] * apart).exp().tril()  # (H, C, C)
        since_start = (-rate * (at + 1)).exp()[..., None]  # (H, C, 1)
        until_end = (-rate * (C - 1 - at)).exp()[..., None]

        intra = (q_b @ k_b.mT * fade) @ v_b
        inter = (q_b * since_start) @ S
        outs.append(intra + inter)
        S = (-rate * C).exp()[..., None] * S + (k_b * until_end).mT @ v_b
    return torch.cat(outs, dim=2).to(q.dtype), S
