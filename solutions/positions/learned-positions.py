"""Learned absolute positions."""

import torch
from torch import Tensor, nn


class LearnedPositions(nn.Module):
    def __init__(self, max_len: int, d_model: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(0.02 * torch.randn(max_len, d_model))

    def forward(self, x: Tensor, *, start: int = 0) -> Tensor:
        """A slice of the table broadcasts over the batch; gradients come back as its sum."""
        max_len = self.weight.shape[0]
        end = start + x.shape[1]
        if start < 0 or end > max_len:
            raise ValueError(f"positions {start} to {end - 1} are not all from 0 to {max_len - 1}")
        return (x + self.weight[start:end]).to(x.dtype)
