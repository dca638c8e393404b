"""Output-gated softmax attention."""

import math

import torch
from torch import Tensor, nn


class GatedAttention(nn.Module):
    def __init__(self, d_model: int, n_heads: int, n_kv_heads: int, head_dim: int) -> None:
        super().__init__()
        if n_heads % n_kv_heads:
            raise ValueError(f"n_heads ({n_heads}) must be a multiple of {n_kv_heads}")
        self.n_heads, self.n_kv_heads = n_heads, n_kv_heads
        self.q_proj = nn.Linear(d_model, n_heads * 2 * head_dim, bias=False)
        self.k_proj = nn.Linear(d_model, n_kv_heads * head_dim, bias=False)
        self.v_proj = nn.Linear(d_model, n_kv_heads * head_dim, bias=False)
        self.o_proj = nn.Linear(n_heads * head_dim, d_model, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Attend as in GQA, and gate each head's output by what its own token asks for."""
        q_and_gate = self.q_proj(x).unflatten(-1, (self.n_heads, -1)).transpose(1, 2)
        q, gate = q_and_gate.chunk(2, dim=-1)  # (B, H, T, D)
        k, v = (
            proj(x).unflatten(-1, (self.n_kv_heads, -1)).transpose(1, 2)  # (B, G, T, D)
            for proj in (self.k_proj, self.v_proj)
        )
        R = self.n_heads // self.n_kv_heads
        k, v = k.repeat_interleave(R, dim=1), v.repeat_interleave(R, dim=1)

        scores = q @ k.mT / math.sqrt(q.shape[-1])  # (B, H, T, T)
        later = torch.ones_like(scores, dtype=torch.bool).triu(1)
        weights = scores.masked_fill(later, float("-inf")).softmax(dim=-1)
        out = weights @ v * gate.sigmoid()
        mixed: Tensor = self.o_proj(out.transpose(1, 2).flatten(2))
        return mixed
