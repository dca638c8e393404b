"""Compared with the logits processors that transformers samples with."""

import math

import pytest
import torch
from scipy.stats import chisquare
from transformers.generation.logits_process import TemperatureLogitsWarper, TopPLogitsWarper


def warped(logits, p, temperature):
    """The probabilities that transformers draws from."""
    scores = TemperatureLogitsWarper(float(temperature))(None, logits)
    return TopPLogitsWarper(p)(None, scores).softmax(-1)


def clear_of_p(logits, p, temperature):
    """Rows in which no sum of probabilities is so near to p that rounding decides."""
    sums = (logits / temperature).softmax(-1).sort(descending=True)[0].cumsum(-1)
    return logits[((sums - p).abs() > 1e-3).all(-1)]


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("p", [0.1, 0.5, 0.95])
def test_draws_as_transformers_does(solution, p, temperature):
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    rows = clear_of_p(torch.randn(40, 10, dtype=torch.float64), p, temperature)[:5]
    assert len(rows) == 5

    for row, probabilities in zip(rows, warped(rows, p, temperature), strict=True):
        tokens = solution.nucleus_sample(
            row.repeat(20_000, 1), p, temperature=temperature, generator=generator
        )
        counts = tokens.bincount(minlength=10)
        kept = probabilities > 0
        # the rarest token that is kept has a share of 0.0005 or more in these rows
        assert torch.equal(counts > 0, kept)
        if kept.sum() > 1:
            expected = probabilities[kept] * 20_000
            assert chisquare(counts[kept].numpy(), expected.numpy()).pvalue > 1e-6


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64], ids=str)
@pytest.mark.parametrize("p", [0.2, 0.5, 0.9, 1.0])
def test_keeps_the_tokens_that_transformers_keeps(solution, p, dtype):
    torch.manual_seed(1)
    generator = torch.Generator().manual_seed(1)
    # distinct in bfloat16 too: transformers breaks ties the other way
    logits = torch.stack([torch.randperm(20) for _ in range(10)]).to(dtype) / 4
    exact = logits if dtype == torch.float64 else logits.float()
    kept = warped(exact, p, 1.0) > 0

    # the rarest token has a share of 0.0019 or more: some 19 draws
    tokens = solution.nucleus_sample(logits.repeat(10_000, 1), p, generator=generator)

    drawn = torch.zeros_like(kept)
    drawn[torch.arange(10).repeat(10_000), tokens] = True
    assert torch.equal(drawn, kept)


def test_keeps_what_a_hand_worked_example_keeps(solution):
    # 0.4 + 0.3 = 0.7 < 0.75 <= 0.7 + 0.2
    logits = torch.tensor([0.2, 0.1, 0.4, 0.3]).log().expand(30_000, 4)
    tokens = solution.nucleus_sample(logits, 0.75, generator=torch.Generator().manual_seed(2))

    shares = (tokens.bincount(minlength=4) / 30_000).tolist()
    # five standard deviations of a share
    off = 5 * math.sqrt(0.25 / 30_000)
    assert shares == pytest.approx([2 / 9, 0, 4 / 9, 3 / 9], abs=off)
    assert shares[1] == 0
