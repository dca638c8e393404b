"""Head by head, token by token, adding up each head's share of the output."""

import torch
from torch import nn


class GatedAttention(nn.Module):
    def __init__(self, d_model, n_heads, n_kv_heads, head_dim):
        super().__init__()
        if n_heads // n_kv_heads * n_kv_heads != n_heads:
            raise ValueError("not divisible")
        self.H, self.R, self.D = n_heads, n_heads // n_kv_heads, head_dim
        self.q_proj = nn.Linear(d_model, n_heads * 2 * head_dim, bias=False)
        self.k_proj = nn.Linear(d_model, n_kv_heads * head_dim, bias=False)
        self.v_proj = nn.Linear(d_model, n_kv_heads * head_dim, bias=False)
        self.o_proj = nn.Linear(n_heads * head_dim, d_model, bias=False)

    def forward(self, x):
        D = self.D
        total = 0
        for h in range(self.H):
            rows = self.q_proj.weight[2 * h * D : 2 * (h + 1) * D]
            g = h // self.R
            q, gate = x @ rows[:D].T, x @ rows[D:].T
            k = x @ self.k_proj.weight[g * D : (g + 1) * D].T
            v = x @ self.v_proj.weight[g * D : (g + 1) * D].T
            reads = []
            for t in range(x.shape[1]):
                scores = (k[:, : t + 1] * q[:, t : t + 1]).sum(-1) / D**0.5
                weights = scores.double().softmax(-1).to(x.dtype)
                reads.append((weights[..., None] * v[:, : t + 1]).sum(1))
            own = self.o_proj.weight[:, h * D : (h + 1) * D]
            total = total + (torch.stack(reads, 1) * gate.sigmoid()) @ own.T
        return total
