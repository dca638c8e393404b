"""Weights as exponentials times the mask, divided by what they add up to."""

import torch
from torch import nn
from torch.nn import functional as F


class Projection(nn.Module):
    def __init__(self, wide, width):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(width, wide) * 0.02)

    def forward(self, y):
        return F.linear(y, self.weight)


class CrossAttention(nn.Module):
    def __init__(self, d_model, d_context, n_heads):
        if d_model // n_heads * n_heads != d_model:
            raise ValueError("not divisible")
        super().__init__()
        self.H, self.D = n_heads, d_model // n_heads
        self.q_proj = Projection(d_model, d_model)
        self.k_proj = Projection(d_context, d_model)
        self.v_proj = Projection(d_context, d_model)
        self.o_proj = Projection(d_model, d_model)

    def fold(self, y):
        B, T = y.shape[:2]
        return y.reshape(B, T, self.H, self.D).permute(0, 2, 1, 3).reshape(B * self.H, T, self.D)

    def forward(self, x, context, x_mask=None, context_mask=None):
        B, T_q, _ = x.shape
        q, k = self.fold(self.q_proj(x)), self.fold(self.k_proj(context))
        v = self.fold(self.v_proj(context))
        wide = torch.promote_types(x.dtype, torch.float32)
        scores = torch.bmm(q, k.transpose(1, 2)).to(wide) / self.D**0.5
        if context_mask is None:
            context_mask = torch.ones(context.shape[:2], dtype=torch.bool, device=x.device)
        seen = context_mask.repeat_interleave(self.H, dim=0)[:, None]
        hidden = scores.masked_fill(~seen, torch.finfo(wide).min)
        e = torch.exp(hidden - hidden.detach().amax(-1, keepdim=True)) * seen
        total = e.sum(-1, keepdim=True)
        weights = (e / torch.where(total == 0, 1, total)).to(x.dtype)
        out = torch.bmm(weights, v).reshape(B, self.H, T_q, self.D).permute(0, 2, 1, 3)
        out = self.o_proj(out.reshape(B, T_q, -1))
        return out if x_mask is None else torch.where(x_mask.unsqueeze(-1), out, 0)
