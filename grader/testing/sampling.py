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
        if not has_type(samples, *PLAIN_TENSORS, list, tuple):
            raise Mismatch(f"{label} have the wrong type: expected a tensor, got {named(samples)}")
        _compare(torch.as_tensor(samples).flatten(), probabilities.flatten()[None], label)


def assert_draws(tokens: Tensor, probabilities: Tensor, N: int, *, label: str = "tokens") -> None:
    """assert_distribution for what a sampler draws from logits.repeat(N, 1), all in one call.

    Args:
        tokens: (N * R,) int64, those of all rows first, and so N times.
        probabilities: (R, V) of each row; (V,) for a single one. No row needs to sum to 1.
        N: How many tokens were drawn from each row.

    Raises:
        Mismatch: Another type or shape, or names the row and the token that is most off.
    """
    rows = probabilities.reshape(-1, probabilities.shape[-1])
    with comparing(tokens):
        if not has_type(tokens, *PLAIN_TENSORS):
            raise Mismatch(f"{label} have the wrong type: expected a tensor, got {named(tokens)}")
        if tuple(tokens.shape) != (N * len(rows),):
            raise Mismatch(
                f"{label} have the wrong shape: expected {(N * len(rows),)}, "
                f"got {tuple(tokens.shape)}"
            )
        _compare(tokens, rows, label)


def _compare(drawn: Tensor, probabilities: Tensor, label: str) -> None:
    """Sample i, of all that were drawn, against row i % R of (R, V) probabilities."""
    if not len(drawn):
        raise Mismatch(f"{label} are none at all")
    if drawn.is_floating_point() or drawn.is_complex():
        raise Mismatch(f"{label} must be integers, got {bare(drawn.dtype)}")
    drawn = drawn.long().cpu()
    exact = probabilities.detach().double().cpu()
    if not ((exact.sum(-1) > 0).all() and (exact >= 0).all() and exact.isfinite().all()):
        raise ValueError("probabilities must be at least 0, finite, and not all 0")
    (R, V), N = exact.shape, len(drawn)
    outside = (drawn < 0) | (drawn >= V)
    if outside.any():
        bad = drawn[outside][0].item()
        raise Mismatch(f"{label} must be from 0 to {V - 1}, got {bad}")

    def told(outcome: int) -> str:
        row = f" in row {outcome // V}" if R > 1 else ""
        return f"{outcome % V}{row}"

    exact = (exact / exact.sum(-1, keepdim=True) / R).flatten()
    counts = torch.bincount(torch.arange(N) % R * V + drawn, minlength=R * V).double()
    impossible = (exact == 0) & (counts > 0)
    if impossible.any():
        bad = int(impossible.nonzero()[0])
        raise Mismatch(
            f"{label} contain {told(bad)}, whose probability is 0",
            f"drawn {int(counts[bad])} times in {N // R}",
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
        off = int(((counts - exact * N) ** 2 / (exact * N).clamp(min=1)).argmax())
        raise Mismatch(
            f"{label} do not follow the distribution",
            f"outcome {told(off)}: expected a share of {show(exact[off] * R)}, "
            f"got {show(counts[off] / N * R)} of {N // R}",
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
