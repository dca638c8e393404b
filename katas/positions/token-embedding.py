"""Token embedding with tied output head."""

import torch
from torch import Tensor, nn


class TiedEmbedding(nn.Module):
    """One table that reads tokens in and scores them at the end.

    Parameters:
        weight: (vocab_size, d_model), float32 at first, and the only one. Row v belongs to
            token v. Drawn from a normal distribution of mean 0 and standard deviation
            1/sqrt(d_model).

    Not allowed:
        embedding, also as a module.
        Changing an argument in place.

    Source:
        Press and Wolf 2016, "Using the Output Embedding to Improve Language Models",
        https://arxiv.org/abs/1608.05859. The scale: Vaswani et al. 2017, section 3.4,
        https://arxiv.org/abs/1706.03762
    """

    def __init__(self, vocab_size: int, d_model: int) -> None:
        raise NotImplementedError

    def forward(self, tokens: Tensor) -> Tensor:
        """Look up each token's vector, times sqrt(d_model).

        So the input has a size of about 1, whatever d_model is.

        Args:
            tokens: Any shape (...), such as (B, T), int64. There may be none.

        Returns:
            (..., d_model), dtype of weight. Gradients flow to weight: where a token occurs
            several times, they add up.

        Raises:
            ValueError: A token is below 0 or not below vocab_size.
        """
        raise NotImplementedError

    def logits(self, hidden: Tensor) -> Tensor:
        """Score every token: the product of a hidden vector and the token's row of weight.

        There is no bias, and no factor sqrt(d_model).

        Args:
            hidden: (..., d_model), dtype of weight, contiguous or not.

        Returns:
            (..., vocab_size), dtype of weight. Gradients flow to hidden and to weight, and
            add to those that come through forward.
        """
        raise NotImplementedError
