"""Samplers are judged on their distribution, not on their shape."""

from collections.abc import Sequence

import torch
from torch import Tensor

from grader.testing.observe import comparing
from grader.testing.words import PLAIN_TENSORS, Mismatch, bare, has_type, named, show

# counts are not normal: where a bin expects as few as this, what the chi-squared distribution
# takes for once in 1e11 happens once in 1e8
THRESHOLD = 1e-11
LEAST = 20


def assert_distribution(
    samples: Tensor | Sequence[int], probabilities: Tensor, *, label: str = "samples"
) -> None:
    """A chi-squared test of whether samples follow the given probabilities.

    A right sampler fails less than once in fifty million comparisons, so that twenty of
    them in one kata stay far below one false alarm in a million checks. A wrong one is
    caught in 999 of 1,000 checks if its total variation distance from the right one, over
    outcomes that are expected LEAST times or more, is at least

        6 / sqrt(N) for up to 10 outcomes, 8 / sqrt(N) for 100, 12 / sqrt(N) for 1,000

    with N samples: 0.06 with N = 10,000 and ten outcomes.

    Args:
        samples: (N,) outcomes, integers from 0 to len(probabilities) - 1.
        probabilities: (V,) the exact probability of each outcome; outcomes of
            probability 0 must never be drawn. They need not sum to 1.

    Raises:
        Mismatch: Names the outcome that is most off.
    """
    with comparing(samples):
        _compare(samples, probabilities, label)


def _compare(samples: Tensor | Sequence[int], probabilities: Tensor, label: str) -> None:
    if not has_type(samples, *PLAIN_TENSORS, list, tuple):
        raise Mismatch(f"{label} have the wrong type: expected a tensor, got {named(samples)}")
    drawn = torch.as_tensor(samples).flatten()
    if not len(drawn):
        raise Mismatch(f"{label} are none at all")
    if drawn.is_floating_point() or drawn.is_complex():
        raise Mismatch(f"{label} must be integers, got {bare(drawn.dtype)}")
    drawn = drawn.long().cpu()
    exact = probabilities.detach().double().cpu().flatten()
    if not (exact.sum() > 0 and (exact >= 0).all() and exact.isfinite().all()):
        raise ValueError("probabilities must be at least 0, finite, and not all 0")
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
        top = exact.max().item()
        if top < 1:
            least = LEAST / min(top, 1 - top)
            raise Mismatch(f"{N} {label} are too few to tell: draw at least {least:,.0f}")
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
