"""Token by token."""

import torch
from torch.nn import Module, Parameter


class LearnedPositions(Module):
    def __init__(self, max_len, d_model):
        super().__init__()
        self.weight = Parameter(torch.randn(max_len, d_model).mul(0.02))

    def forward(self, x, *, start=0):
        rows = []
        for t in range(x.shape[1]):
            p = start + t
            if p < 0 or p >= len(self.weight):
                raise ValueError(f"no position {p}")
            rows.append((x[:, t] + self.weight[p]).to(x.dtype))
        return torch.stack(rows, dim=1) if rows else x.clone()
