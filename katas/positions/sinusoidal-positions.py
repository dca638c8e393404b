"""Sinusoidal positions."""

import torch
from torch import Tensor


def sinusoidal_positions(
    positions: Tensor, d_model: int, *, base: float = 10000.0, dtype: torch.dtype = torch.float32
) -> Tensor:
    """Give each position a vector of sines and cosines, as in the first Transformer.

    Sines and cosines are INTERLEAVED, as in the paper: for i = 0 .. d_model/2 - 1

        out[..., 2i]     = sin(p * base^(-2i/d_model))
        out[..., 2i + 1] = cos(p * base^(-2i/d_model))

    with p the position. Many programs put all sines first and all cosines after them,
    which is the same idea in another layout.

    Args:
        positions: Any shape (...), such as (T,) or (B, T), int64. Each is at least 0; they
            need not start at 0, be sorted or be consecutive, and there is no upper bound,
            so a table of fixed length will not do. There may be none.
        d_model: The width of a vector, even and at least 2.
        base: Of the frequencies.
        dtype: Of the result, any floating one.

    Returns:
        (..., d_model) in dtype, on the device of positions. Angles, sines and cosines are
        computed in at least float32, for every dtype, and rounded once at the end.

    Raises:
        ValueError: d_model is odd.

    Not allowed:
        Changing positions in place.

    Source:
        Vaswani et al. 2017, "Attention Is All You Need", section 3.5,
        https://arxiv.org/abs/1706.03762
    """
    raise NotImplementedError
