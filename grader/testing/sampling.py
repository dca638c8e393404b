"""Samplers are judged on their distribution, not on their shape."""

from collections.abc import Sequence

import torch
from torch import Tensor

from grader.testing.words import Mismatch, bare, show

# with counts this small, the chi-squared distribution takes what happens once in 1e7 for 1e-9
THRESHOLD = 1e-9
LEAST = 20


def assert_distribution(
    samples: Tensor | Sequence[int], probabilities: Tensor, *, label: str = "samples"
) -> None:
    """A chi-squared test of whether samples follow the given probabilities.

    A right sampler fails once in ten million checks. Draw at least 100 samples
    for each outcome that matters: with n samples, a total variation distance of
    about 8 / sqrt(n) and more is caught (0.06 for n = 20,000 and ten outcomes).

    Args:
        samples: (N,) outcomes, integers from 0 to len(probabilities) - 1.
        probabilities: (V,) the exact probability of each outcome; outcomes of
            probability 0 must never be drawn.

    Raises:
        Mismatch: Names the outcome that is most off.
    """
    drawn = torch.as_tensor(samples).flatten()
    if not len(drawn):
        raise Mismatch(f"{label} are none at all")
    if drawn.is_floating_point() or drawn.is_complex():
        raise Mismatch(f"{label} must be integers, got {bare(drawn.dtype)}")
    drawn = drawn.long().cpu()
    exact = probabilities.detach().double().cpu().flatten()
    exact = exact / exact.sum()
    V, N = len(exact), len(drawn)
    outside = (drawn < 0) | (drawn >= V)
    if outside.any():
        bad = drawn[outside][0].item()
        raise Mismatch(f"{label} must be from 0 to {V - 1}, got {bad}")

    counts = torch.bincount(drawn, minlength=V).double()
    impossible = (exact == 0) & (counts > 0)
    if impossible.any():
        bad = int(impossible.nonzero()[0])
        raise Mismatch(
            f"{label} contain {bad}, whose probability is 0",
            f"drawn {int(counts[bad])} times in {N}",
        )

    pooled_counts, pooled_expected = _pool(counts, exact * N)
    if len(pooled_expected) < 2:
        return
    statistic = ((pooled_counts - pooled_expected) ** 2 / pooled_expected).sum()
    freedom = torch.tensor((len(pooled_expected) - 1) / 2, dtype=torch.float64)
    p_value = torch.special.gammaincc(freedom, statistic / 2).item()
    if p_value < THRESHOLD:
        off = ((counts - exact * N) ** 2 / (exact * N).clamp(min=1)).argmax()
        raise Mismatch(
            f"{label} do not follow the distribution",
            f"outcome {int(off)}: expected a share of {show(exact[off])}, "
            f"got {show(counts[off] / N)} of {N}",
            f"chance of this with a right sampler: {p_value:.1e}",
        )


def _pool(counts: Tensor, expected: Tensor) -> tuple[Tensor, Tensor]:
    """Merge rare outcomes: each bin has at least LEAST expected."""
    possible = expected > 0
    counts, expected = counts[possible], expected[possible]
    order = expected.argsort(descending=True)
    counts, expected = counts[order], expected[order]
    common = int((expected >= LEAST).sum())
    tail_counts, tail = counts[common:].sum(), expected[common:].sum()
    counts, expected = counts[:common], expected[:common]
    if tail >= LEAST:
        return torch.cat([counts, tail_counts[None]]), torch.cat([expected, tail[None]])
    if tail > 0 and len(expected):
        counts, expected = counts.clone(), expected.clone()
        counts[-1] += tail_counts
        expected[-1] += tail
    return counts, expected
