"""Learned absolute positions."""

import torch
from torch import Tensor, nn


class LearnedPositions(nn.Module):
    """Add a learned vector to each token, as in GPT-2 and BERT.

    Parameters:
        weight: (max_len, d_model), float32 at first. Row p belongs to position p. Drawn
            from a normal distribution of mean 0 and standard deviation 0.02.

    Not allowed:
        embedding, also as a module.
        Changing x in place.

    Source:
        Gehring et al. 2017, "Convolutional Sequence to Sequence Learning", section 3.1,
        https://arxiv.org/abs/1705.03122
    """

    def __init__(self, max_len: int, d_model: int) -> None:
        raise NotImplementedError

    def forward(self, x: Tensor, *, start: int = 0) -> Tensor:
        """Token t of each sequence is at position start + t.

        Args:
            x: (B, T, d_model), any floating dtype, contiguous or not. T may be 0.
            start: The position of the first token: how many are in the KV cache already.

        Returns:
            (B, T, d_model), dtype of x: x + the vector of its position. The sum is taken
            in the wider of the dtypes of x and weight (torch.promote_types), and rounded
            once. Gradients flow to x and to weight.

        Raises:
            ValueError: A position is below 0 or not below max_len: start < 0, or
                start + T > max_len.
        """
        raise NotImplementedError
