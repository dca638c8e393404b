"""Heads folded into the batch for bmm, own parameter holders, a mask kept in a buffer."""

import torch
from torch import nn
from torch.nn import functional as F


class Projection(nn.Module):
    def __init__(self, width, bias):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(width, width) * 0.02)
        self.bias = nn.Parameter(torch.zeros(width)) if bias else None

    def forward(self, x):
        return F.linear(x, self.weight, self.bias)


class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, n_heads, *, bias=True):
        if d_model // n_heads * n_heads != d_model:
            raise ValueError("not divisible")
        super().__init__()
        self.H, self.D = n_heads, d_model // n_heads
        self.q_proj = Projection(d_model, bias)
        self.k_proj = Projection(d_model, bias)
        self.v_proj = Projection(d_model, bias)
        self.o_proj = Projection(d_model, bias)
        self.register_buffer("neg", torch.tensor(float("-inf")), persistent=False)

    def fold(self, y):
        B, T = y.shape[:2]
        return y.reshape(B, T, self.H, self.D).permute(0, 2, 1, 3).reshape(B * self.H, T, self.D)

    def forward(self, x, *, causal=True):
        B, T, C = x.shape
        q, k, v = self.fold(self.q_proj(x)), self.fold(self.k_proj(x)), self.fold(self.v_proj(x))
        scores = torch.bmm(q * (1.0 / self.D**0.5), k.transpose(1, 2))
        if causal:
            keep = torch.tril(torch.ones(T, T, device=x.device)).bool()
            scores = torch.where(keep, scores, self.neg.to(scores.dtype))
        weights = F.softmax(scores, dim=2, dtype=torch.promote_types(x.dtype, torch.float32))
        out = torch.bmm(weights.to(v.dtype), v).reshape(B, self.H, T, self.D)
        return self.o_proj(out.permute(0, 2, 1, 3).reshape(B, T, C))
