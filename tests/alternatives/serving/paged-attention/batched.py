"""All sequences at once: a padded gather, with stale block numbers and values set to zero."""

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
    _, S, G, _ = k_cache.shape
    if H % G != 0:
        raise ValueError(f"{H} query heads cannot share {G} KV heads")
    if scale is None:
        scale = D**-0.5
    work = torch.float64 if q.dtype == torch.float64 else torch.float32

    n = (int(seq_lens.max()) + S - 1) // S
    if n == 0:
        return torch.zeros_like(q)
    live_block = torch.arange(n, device=q.device) * S < seq_lens[:, None]  # (B, n)
    table = torch.where(live_block, block_table[:, :n], 0).long()
    live = torch.arange(n * S, device=q.device) < seq_lens[:, None]  # (B, L)

    def gather(cache):
        x = cache[table].reshape(B, n * S, G, D).to(work)
        x = x.masked_fill(~live[:, :, None, None], 0)
        return x.repeat_interleave(H // G, dim=2).transpose(1, 2)  # (B, H, L, D)

    logits = (gather(k_cache) @ q.to(work).unsqueeze(-1)).squeeze(-1) * scale  # (B, H, L)
    logits = logits.masked_fill(~live[:, None], float("-inf"))
    weights = torch.softmax(logits, dim=-1).nan_to_num(0.0)
    return (weights.unsqueeze(2) @ gather(v_cache)).squeeze(2).type_as(q)
