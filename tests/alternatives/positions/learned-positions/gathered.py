"""Position ids, looked up row by row."""

import torch
from torch import nn


class LearnedPositions(nn.Module):
    def __init__(self, max_len, d_model):
        super().__init__()
        self.max_len = max_len
        self.weight = nn.Parameter(torch.empty(max_len, d_model))
        nn.init.normal_(self.weight, mean=0.0, std=0.02)

    def forward(self, x, *, start=0):
        _B, T, _ = x.size()
        if not (0 <= start <= self.max_len - T):
            raise ValueError("out of positions")
        ids = torch.arange(start, start + T, device=x.device)
        return (x + torch.index_select(self.weight, 0, ids).unsqueeze(0)).to(x.dtype)
