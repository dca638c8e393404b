"""Keys first: scores as (B, T_k, H, T_q), a log-softmax, and an output that is not contiguous."""

import math

import torch
from torch import Tensor


class _Hidden:
    """Which scores are hidden: (B or 1, H or 1, T_q, T_k)."""

    def __init__(self, T_q: int, T_k: int, device) -> None:
        self.hidden = torch.zeros(1, 1, T_q, T_k, dtype=torch.bool, device=device)

    def after(self, shift: int) -> None:
        self.hidden = self.hidden | torch.ones_like(self.hidden).triu(shift + 1)

    def where(self, hidden: Tensor) -> None:
        self.hidden = self.hidden | hidden


def attention(q, k, v, mask=None, *, causal=False, scale=None):
    T_q, T_k = q.size(-2), k.size(-2)
    dtype = torch.promote_types(torch.float32, q.dtype)
    hidden = _Hidden(T_q, T_k, q.device)
    if causal:
        hidden.after(T_k - T_q)

    scores = torch.einsum("bhqd,bhkd->bkhq", q.to(dtype), k.to(dtype))
    scores = scores * (1 / math.sqrt(q.size(-1)) if scale is None else scale)
    if mask is not None:
        if mask.dtype == torch.bool:
            hidden.where(mask.logical_not())
        else:
            hidden.where(mask == -math.inf)
            # -inf would make NaN out of the zeros below
            finite = mask.masked_fill(mask == -math.inf, 0)
            finite = finite.expand(q.size(0), q.size(1), T_q, T_k)
            scores = scores + finite.permute(0, 3, 1, 2)
    gone = hidden.hidden.expand(q.size(0), q.size(1), T_q, T_k).permute(0, 3, 1, 2)
    log_weights = torch.log_softmax(scores.masked_fill(gone, torch.finfo(dtype).min / 2), dim=1)
    weights = torch.where(gone, 0, log_weights.exp())
    return torch.einsum("bkhq,bhkd->bqhd", weights, v.to(dtype)).to(q.dtype).transpose(1, 2)
