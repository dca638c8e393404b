"""Padding cut out sequence by sequence, one head after another."""

import torch
from torch import nn


class CrossAttention(nn.Module):
    def __init__(self, d_model, d_context, n_heads):
        super().__init__()
        if d_model % n_heads != 0:
            raise ValueError("heads must divide the width")
        self.n_heads, self.d_head = n_heads, d_model // n_heads
        self.q_proj = nn.Linear(d_model, d_model, bias=False)
        self.k_proj = nn.Linear(d_context, d_model, bias=False)
        self.v_proj = nn.Linear(d_context, d_model, bias=False)
        self.o_proj = nn.Linear(d_model, d_model, bias=False)

    def one(self, x, context):
        q, k, v = self.q_proj(x), self.k_proj(context), self.v_proj(context)
        heads = []
        for h in range(self.n_heads):
            own = slice(h * self.d_head, (h + 1) * self.d_head)
            scores = (q[:, own] @ k[:, own].t()).double() * self.d_head**-0.5
            heads.append(scores.softmax(-1).to(x.dtype) @ v[:, own])
        return self.o_proj(torch.cat(heads, dim=-1))

    def forward(self, x, context, x_mask=None, context_mask=None):
        rows = []
        for b in range(len(x)):
            kept = context[b] if context_mask is None else context[b][context_mask[b]]
            row = self.one(x[b], kept) if len(kept) else torch.zeros_like(x[b])
            if x_mask is not None:
                row = torch.where(x_mask[b][:, None], row, torch.zeros_like(row))
            rows.append(row)
        return torch.stack(rows)
