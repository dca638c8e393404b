"""Linear position interpolation."""

import torch
from torch import Tensor


def interpolated_rope(
    x: Tensor, positions: Tensor, *, train_length: int, length: int, theta: float = 10000.0
) -> Tensor:
    """Apply RoPE to a context longer than in training, its positions squeezed to fit.

    Where length is above train_length, position p counts as p * train_length / length, a
    fraction: positions below length come out below train_length. Otherwise it counts as p:
    shorter contexts are not stretched.

    With p' that number, pair i turns by the angle a = p' * theta^(-2i/D). Pairs are
    HALF-SPLIT, as in Llama in transformers: channel i goes with channel i + D/2.

        out[i]       = x[i] * cos(a) - x[i + D/2] * sin(a)
        out[i + D/2] = x[i] * sin(a) + x[i + D/2] * cos(a)

    Args:
        x: (B, H, T, D), queries or keys by head, any floating dtype. D is even.
        positions: (T,) int64, the position of each token, at least 0. They need not start
            at 0, be sorted or be consecutive, and may be any size: length does not follow
            from them, as a query may come long before the context is full.
        train_length: The context length of training, at least 1.
        length: The context length to reach, at least 1.
        theta: Base of the frequencies.

    Returns:
        (B, H, T, D), dtype and device of x. Angles, cosines, sines and the rotation are
        computed in at least float32, which suffices at every position, for float64 too: an
        angle at position p may be off by p * 2e-7. Rounded once, at the end. Gradients flow
        to x.

    Raises:
        ValueError: D is odd.

    Not allowed:
        Changing x or positions in place.

    Source:
        Chen et al. 2023, "Extending Context Window of Large Language Models via Positional
        Interpolation", section 2.3, https://arxiv.org/abs/2306.15595
    """
    raise NotImplementedError
