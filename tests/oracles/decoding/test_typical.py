"""Compared with the logits processors that transformers samples with."""

import math

import pytest
import torch
from scipy.stats import chisquare
from transformers.generation.logits_process import TemperatureLogitsWarper, TypicalLogitsWarper


def warped(logits, mass, temperature):
    """The probabilities that transformers draws from."""
    scores = TemperatureLogitsWarper(float(temperature))(None, logits)
    return TypicalLogitsWarper(mass)(None, scores).softmax(-1)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("mass", [0.1, 0.5, 0.95])
@pytest.mark.parametrize("impossible", [0, 3])
def test_draws_as_transformers_does(solution, mass, temperature, impossible):
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    # in float64 no sum and no distance of these rows is so near to another that rounding decides
    rows = torch.randn(6, 10, dtype=torch.float64)
    rows[:, :impossible] = -torch.inf

    for row, expected in zip(rows, warped(rows, mass, temperature), strict=True):
        tokens = solution.typical_sample(
            row.repeat(20_000, 1), mass, temperature=temperature, generator=generator
        )
        counts = tokens.bincount(minlength=10)
        assert (counts[expected == 0] == 0).all()
        kept = expected * 20_000 > 5
        if kept.sum() > 1:
            wanted = expected[kept] / expected[kept].sum() * counts[kept].sum()
            assert chisquare(counts[kept].numpy(), wanted.numpy()).pvalue > 1e-6


def test_draws_as_a_hand_worked_example_does(solution):
    # surprises in units of log 2: 1, 2, 3, 3 and H = 1.75: ranked 2nd, 1st, 3rd and 4th
    logits = torch.tensor([0.5, 0.25, 0.125, 0.125]).log().expand(30_000, 4)
    generator = torch.Generator().manual_seed(2)

    one = solution.typical_sample(logits, 0.2, generator=generator)
    two = solution.typical_sample(logits, 0.7, generator=generator)

    assert (one == 1).all()
    shares = (two.bincount(minlength=4) / 30_000).tolist()
    # five standard deviations of a share
    off = 5 * math.sqrt(0.25 / 30_000)
    assert shares == pytest.approx([2 / 3, 1 / 3, 0, 0], abs=off)
    assert shares[2] == shares[3] == 0
