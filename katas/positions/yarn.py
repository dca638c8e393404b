"""YaRN: RoPE stretched to longer contexts."""

import torch
from torch import Tensor


def yarn_frequencies(
    D: int,
    *,
    factor: float,
    original_length: int,
    theta: float = 10000.0,
    beta_fast: float = 32.0,
    beta_slow: float = 1.0,
) -> tuple[Tensor, float]:
    """Slow down the pairs that turn slowly, keep the fast ones, and blend between.

    Pair i, i = 0 .. D/2 - 1, has the RoPE frequency f_i = theta^(-2i/D). A pair that makes
    r turns in original_length tokens has the index

        index(r) = D * ln(original_length / (2 pi r)) / (2 ln theta)

    Pairs up to low = floor(index(beta_fast)) keep their frequency, those from
    high = ceil(index(beta_slow)) on are divided by factor. low is at least 0, and high at
    most D - 1 (so in the code, though pairs end at D/2 - 1). Between, and linearly in i:

        ramp_i = (i - low) / (high - low), clipped to 0 .. 1
        frequency_i = (1 - ramp_i) * f_i + ramp_i * f_i / factor

    Attention gets sharper by the attention factor m = 0.1 ln(factor) + 1, or 1 if factor is
    at most 1.

    Args:
        D: Head dimension, even.
        factor: How many times longer the context is to be, greater than 0.
        original_length: Tokens that the model was trained on, above 2 pi * beta_slow.
        theta: Base of the frequencies, above 1.
        beta_fast, beta_slow: Turns within original_length; beta_fast is the greater, and
            index(beta_fast) is below D - 1, so that low is below high.

    Returns:
        (frequencies, m): (D/2,) float64 on the CPU, good to a relative 1e-5, and a float.

    Raises:
        ValueError: D is odd, or factor is not greater than 0.

    Not allowed:
        Importing transformers, which has it built in.

    Source:
        Peng et al. 2023, "YaRN", section 3, https://arxiv.org/abs/2309.00071; the ramp is
        linear in i and rounded as in the authors' code and transformers.
    """
    raise NotImplementedError


def apply_yarn(
    x: Tensor,
    positions: Tensor,
    *,
    factor: float,
    original_length: int,
    theta: float = 10000.0,
    beta_fast: float = 32.0,
    beta_slow: float = 1.0,
) -> Tensor:
    """Rotate a query or key by these frequencies, and scale it by the attention factor.

    Pairs are half-split, channel i with channel i + D/2. With a = p * frequency_i at
    position p:

        out[i]       = m * (x[i] * cos(a) - x[i + D/2] * sin(a))
        out[i + D/2] = m * (x[i] * sin(a) + x[i + D/2] * cos(a))

    Queries and keys both get m, so that scores grow by m^2.

    Args:
        x: (B, H, T, D), any floating dtype.
        positions: (T,) int64, each at least 0, with no upper bound to make a table for; need
            not start at 0 or be sorted.
        factor, original_length, theta, beta_fast, beta_slow: As in yarn_frequencies.

    Returns:
        (B, H, T, D), dtype and device of x. Angles and the rotation are computed in at
        least float32, which suffices at every position, for float64 too: an angle at
        position p may be off by p * 2e-7. Rounded once, at the end. Gradients flow to x.

    Raises:
        ValueError: D is odd, or factor is not greater than 0.

    Not allowed:
        Changing x or positions in place.

    Source:
        As above.
    """
    raise NotImplementedError
