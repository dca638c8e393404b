"""Groups kept as an axis of their own, float32 scores, and weights as 1 / (1 + exp(-gate))."""

import torch
from torch import nn


class GatedAttention(nn.Module):
    def __init__(self, d_model, n_heads, n_kv_heads, head_dim):
        super().__init__()
        per_group, rest = divmod(n_heads, n_kv_heads)
        if rest:
            raise ValueError(f"{n_heads} heads, {n_kv_heads} KV heads")
        self.shape = n_kv_heads, per_group, head_dim
        widths = {"q_proj": 2 * n_heads * head_dim}
        widths |= dict.fromkeys(("k_proj", "v_proj"), n_kv_heads * head_dim)
        for name, width in widths.items():
            self.add_module(name, nn.Linear(d_model, width, bias=False))
        self.o_proj = nn.Linear(n_heads * head_dim, d_model, bias=False)

    def forward(self, x):
        G, R, D = self.shape
        T = x.size(1)
        both = torch.einsum("btc,grsdc->sbtgrd", x, self.q_proj.weight.view(G, R, 2, D, -1))
        k = torch.einsum("btc,gdc->btgd", x, self.k_proj.weight.view(G, D, -1))
        v = torch.einsum("btc,gdc->btgd", x, self.v_proj.weight.view(G, D, -1))
        scores = torch.einsum("bigrd,bjgd->bgrij", both[0] * D**-0.5, k).float()
        t = torch.arange(T, device=x.device)
        scores = torch.where(t <= t[:, None], scores, -torch.inf)
        read = torch.einsum("bgrij,bjgd->bigrd", scores.softmax(-1).to(x.dtype), v)
        gated = read / (1 + torch.exp(-both[1]))
        weight = self.o_proj.weight.view(-1, G, R, D)
        return torch.einsum("btgrd,cgrd->btc", gated, weight)
