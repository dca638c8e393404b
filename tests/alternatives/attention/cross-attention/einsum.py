"""einsum, a float bias of the dtype's lowest number, and one mask for all rows to clear."""

import torch
from torch import nn


class CrossAttention(nn.Module):
    def __init__(self, d_model, d_context, n_heads):
        super().__init__()
        self.h, rest = n_heads, d_model % n_heads
        if rest:
            raise ValueError(f"{d_model=} {n_heads=}")
        shapes = {"q_proj": d_model, "k_proj": d_context, "v_proj": d_context, "o_proj": d_model}
        for name, width in shapes.items():
            self.add_module(name, nn.Linear(width, d_model, bias=False))

    def by_head(self, proj, y):
        return torch.einsum("btc,hdc->bthd", y, proj.weight.view(self.h, -1, y.size(-1)))

    def forward(self, x, context, x_mask=None, context_mask=None):
        q = self.by_head(self.q_proj, x)
        k, v = self.by_head(self.k_proj, context), self.by_head(self.v_proj, context)
        scores = torch.einsum("bihd,bjhd->bhij", q / q.size(-1) ** 0.5, k).float()
        keep = torch.ones_like(x[..., 0]).bool() if x_mask is None else x_mask
        if context_mask is not None:
            low = torch.finfo(torch.float32).min
            scores = torch.where(context_mask[:, None, None, :], scores, low)
            keep = keep & context_mask.any(1)[:, None]
        weights = torch.softmax(scores, dim=-1).to(v.dtype)
        out = self.o_proj(torch.einsum("bhij,bjhd->bihd", weights, v).reshape(x.shape))
        return out * keep[:, :, None].to(out.dtype)
