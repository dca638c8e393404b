"""Rotary position embedding (RoPE)."""

import torch
from torch import Tensor


def apply_rope(x: Tensor, positions: Tensor, *, theta: float = 10000.0) -> Tensor:
    """Rotate pairs of channels of a query or key by angles that grow with its position.

    Pairs are HALF-SPLIT, as in Llama in transformers (rotate_half): channel i goes with
    channel i + D/2, for i = 0 .. D/2 - 1. The paper pairs neighbours, 2i with 2i + 1:
    the same idea, another layout, another result.

    At position p, pair i turns by the angle a = p * theta^(-2i/D):

        out[i]       = x[i] * cos(a) - x[i + D/2] * sin(a)
        out[i + D/2] = x[i] * sin(a) + x[i + D/2] * cos(a)

    Args:
        x: (B, H, T, D), queries or keys by head, any floating dtype. D is even.
        positions: (T,) int64, the position of each token: the same for all of the batch.
            Need not start at 0, be sorted or be consecutive. Each is at least 0; there is
            no upper bound, so a table of fixed length will not do.
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
        Su et al. 2021, "RoFormer", section 3.2, https://arxiv.org/abs/2104.09864
    """
    raise NotImplementedError
