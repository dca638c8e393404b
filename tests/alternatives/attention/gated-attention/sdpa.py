"""torch's attention does the reading; heads stay behind the tokens for the gate."""

import torch
from torch import nn
from torch.nn.functional import scaled_dot_product_attention


class GatedAttention(nn.Module):
    def __init__(self, d_model, n_heads, n_kv_heads, head_dim):
        super().__init__()
        if n_heads % n_kv_heads != 0:
            raise ValueError("query heads must come in whole groups")
        self.head_dim = head_dim
        self.q_proj = nn.Linear(d_model, 2 * n_heads * head_dim, bias=False)
        self.k_proj = nn.Linear(d_model, n_kv_heads * head_dim, bias=False)
        self.v_proj = nn.Linear(d_model, n_kv_heads * head_dim, bias=False)
        self.o_proj = nn.Linear(n_heads * head_dim, d_model, bias=False)

    def forward(self, x):
        B, T, _ = x.shape
        both = self.q_proj(x).view(B, T, -1, 2 * self.head_dim)
        q, gate = torch.split(both, self.head_dim, dim=3)
        k = self.k_proj(x).view(B, T, -1, self.head_dim)
        v = self.v_proj(x).view(B, T, -1, self.head_dim)
        read = scaled_dot_product_attention(
            *(part.permute(0, 2, 1, 3) for part in (q, k, v)), is_causal=True, enable_gqa=True
        )
        gated = read.transpose(1, 2) * torch.sigmoid(gate)
        return self.o_proj(gated.reshape(B, T, -1))
