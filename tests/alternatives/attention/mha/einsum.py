"""einsum on weights viewed by head, with a softmax in float32 written out."""

import torch
from torch import nn


class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, n_heads, *, bias=True):
        super().__init__()
        self.h, rest = n_heads, d_model % n_heads
        if rest:
            raise ValueError(f"{d_model=} {n_heads=}")
        self.q_proj, self.k_proj, self.v_proj, self.o_proj = (
            nn.Linear(d_model, d_model, bias=bias) for _ in range(4)
        )

    def by_head(self, proj, x):
        y = torch.einsum("btc,hdc->bthd", x, proj.weight.view(self.h, -1, x.size(-1)))
        return y if proj.bias is None else y + proj.bias.view(self.h, -1)

    def forward(self, x, *, causal=True):
        q = self.by_head(self.q_proj, x)
        k = self.by_head(self.k_proj, x)
        v = self.by_head(self.v_proj, x)
        scores = torch.einsum("bihd,bjhd->bhij", q / q.size(-1) ** 0.5, k).float()
        if causal:
            t = torch.arange(x.size(1), device=x.device)
            scores = scores.masked_fill(t > t[:, None], torch.finfo(torch.float32).min)
        e = (scores - scores.amax(-1, keepdim=True)).exp()
        weights = (e / e.sum(-1, keepdim=True)).to(x.dtype)
        return self.o_proj(torch.einsum("bhij,bjhd->bihd", weights, v).reshape(x.shape))
