"""The pool as one axis of slots; the result is a transposed view."""

import torch
from torch import Tensor


def slots_of(row, length, S):
    t = torch.arange(length, device=row.device)
    return row[t // S] * S + t % S


def paged_attention(
    q: Tensor,
    k_cache: Tensor,
    v_cache: Tensor,
    block_table: Tensor,
    seq_lens: Tensor,
    *,
    scale: float | None = None,
) -> Tensor:
    (B, H, D), (N, S, G, _) = q.shape, k_cache.shape
    groups, rest = divmod(H, G)
    if rest:
        raise ValueError(f"{H} is not a multiple of {G}")
    scale = scale if scale is not None else 1.0 / D**0.5
    keys, values = k_cache.reshape(N * S, G, D), v_cache.reshape(N * S, G, D)
    wide = torch.promote_types(q.dtype, torch.float32)
    answers = []
    for b in range(B):
        index = slots_of(block_table[b], int(seq_lens[b]), S)
        k = torch.index_select(keys, 0, index).to(wide)
        v = torch.index_select(values, 0, index).to(wide)
        columns = []
        for h in range(H):
            score = (k[:, h // groups] * q[b, h].to(wide)).sum(dim=-1) * scale
            weight = torch.exp(score - torch.logsumexp(score, dim=0))
            columns.append((weight[:, None] * v[:, h // groups]).sum(dim=0))
        answers.append(torch.stack(columns, dim=1))  # (D, H)
    return torch.stack(answers).to(q.dtype).transpose(1, 2)
