"""Token by token, row by row."""

import math

import torch
from torch import nn


class TiedEmbedding(nn.Module):
    def __init__(self, vocab_size, d_model):
        super().__init__()
        self.vocab_size, self.scale = vocab_size, math.sqrt(d_model)
        self.weight = nn.Parameter(torch.randn(vocab_size, d_model).div(self.scale))

    def forward(self, tokens):
        rows = []
        for token in tokens.flatten().tolist():
            if token not in range(self.vocab_size):
                raise ValueError(f"no token {token}")
            rows.append(self.weight[token] * self.scale)
        width = self.weight.size(1)
        flat = torch.stack(rows) if rows else self.weight.new_zeros(0, width)
        return flat.reshape((*tuple(tokens.shape), width))

    def logits(self, hidden):
        return torch.stack([(hidden * row).sum(-1) for row in self.weight], dim=-1)
