"""One head after another, on slices of the weights, with tokens hidden by a float mask."""

import torch
import torch.nn.functional as F
from torch import nn


class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, n_heads, *, bias=True):
        super().__init__()
        if d_model % n_heads != 0:
            raise ValueError("heads must divide the width")
        self.n_heads = n_heads
        self.d_head = d_model // n_heads
        for name in ("q_proj", "k_proj", "v_proj", "o_proj"):
            setattr(self, name, nn.Linear(d_model, d_model, bias))

    def slice_of(self, proj, x, h):
        rows = slice(h * self.d_head, (h + 1) * self.d_head)
        return F.linear(x, proj.weight[rows], None if proj.bias is None else proj.bias[rows])

    def forward(self, x, *, causal=True):
        T = x.size(1)
        mask = torch.zeros(T, T, device=x.device, dtype=x.dtype)
        if causal:
            for i in range(T - 1):
                mask[i, i + 1 :] = -torch.inf
        out = 0
        for h in range(self.n_heads):
            q, k, v = (self.slice_of(p, x, h) for p in (self.q_proj, self.k_proj, self.v_proj))
            scores = torch.bmm(q, k.transpose(1, 2)) * self.d_head**-0.5 + mask
            read = torch.bmm(torch.softmax(scores.double(), dim=-1).to(x.dtype), v)
            # o_proj of the concatenation is a sum over heads
            columns = self.o_proj.weight[:, h * self.d_head : (h + 1) * self.d_head]
            out = out + read @ columns.T
        return out if self.o_proj.bias is None else out + self.o_proj.bias
