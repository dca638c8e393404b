"""index_select on the flattened tokens; a linear head without a bias."""

import torch
import torch.nn.functional as F
from torch import nn


class TiedEmbedding(nn.Module):
    def __init__(self, vocab_size, d_model):
        super().__init__()
        self.weight = nn.Parameter(torch.normal(0.0, d_model**-0.5, (vocab_size, d_model)))

    def forward(self, tokens):
        V, D = self.weight.shape
        if tokens.numel() and (int(tokens.min()) < 0 or int(tokens.max()) >= V):
            raise ValueError(f"tokens must lie in [0, {V})")
        rows = self.weight.index_select(0, tokens.reshape(-1))
        return rows.mul(D**0.5).reshape(*tokens.shape, D)

    def logits(self, hidden):
        return F.linear(hidden, self.weight)
