"""Token embedding with tied output head."""

import math

import torch
from torch import Tensor, nn


class TiedEmbedding(nn.Module):
    def __init__(self, vocab_size: int, d_model: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(vocab_size, d_model) / math.sqrt(d_model))

    def forward(self, tokens: Tensor) -> Tensor:
        """Index the table; what is below 0 would count from its end."""
        vocab_size, d_model = self.weight.shape
        outside = (tokens < 0) | (tokens >= vocab_size)
        if outside.any():
            raise ValueError(f"token {tokens[outside][0].item()} is not from 0 to {vocab_size - 1}")
        return self.weight[tokens] * math.sqrt(d_model)

    def logits(self, hidden: Tensor) -> Tensor:
        """The same table, transposed."""
        return hidden @ self.weight.T
