"""NTK-aware RoPE scaling."""

import torch
from torch import Tensor


def ntk_rope(
    x: Tensor, positions: Tensor, *, train_length: int, length: int, theta: float = 10000.0
) -> Tensor:
    """Apply RoPE with a larger base, for a context longer than in training.

    With s = length / train_length, or 1 where length is the smaller, the base becomes

        base = theta * s^(D / (D - 2))

    Positions stay as they are. The first pair turns as fast as before, 1 radian a
    position; the last one exactly s times slower, as in linear interpolation; those
    between slow down by between 1 and s, the later the more.

    At position p, pair i turns by the angle a = p * base^(-2i/D). Pairs are HALF-SPLIT, as
    in Llama in transformers: channel i goes with channel i + D/2.

        out[i]       = x[i] * cos(a) - x[i + D/2] * sin(a)
        out[i + D/2] = x[i] * sin(a) + x[i + D/2] * cos(a)

    Args:
        x: (B, H, T, D), queries or keys by head, any floating dtype. D is even and at
            least 4.
        positions: (T,) int64, the position of each token, at least 0. They need not start
            at 0, be sorted or be consecutive, and may be any size: length does not follow
            from them.
        train_length: The context length of training, at least 1.
        length: The context length to reach, at least 1.
        theta: Base of the frequencies in training.

    Returns:
        (B, H, T, D), dtype and device of x. Angles, cosines, sines and the rotation are
        computed in at least float32, which suffices at every position, for float64 too: an
        angle at position p may be off by p * 2e-7. Rounded once, at the end. Gradients flow
        to x.

    Raises:
        ValueError: D is odd or below 4.

    Not allowed:
        Changing x or positions in place.

    Source:
        bloc97 2023, in Peng et al. 2023, "YaRN", section 3.1,
        https://arxiv.org/abs/2309.00071
    """
    raise NotImplementedError
