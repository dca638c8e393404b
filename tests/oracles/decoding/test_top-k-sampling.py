"""Compared with the logits processors that transformers samples with."""

import math

import pytest
import torch
from scipy.stats import chisquare
from transformers.generation.logits_process import TemperatureLogitsWarper, TopKLogitsWarper


def warped(logits, k, temperature):
    """The probabilities that transformers draws from; no two logits of a row are equal."""
    scores = TemperatureLogitsWarper(float(temperature))(None, logits)
    return TopKLogitsWarper(k)(None, scores).softmax(-1)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("k", [1, 4, 10, 50])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
def test_draws_as_transformers_does(solution, k, temperature, dtype):
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    # distinct in bfloat16, too
    rows = torch.stack([torch.randperm(10) for _ in range(5)]).to(dtype) / 4
    exact = rows if dtype == torch.float64 else rows.float()

    for row, probabilities in zip(rows, warped(exact, k, temperature), strict=True):
        tokens = solution.top_k_sample(
            row.repeat(20_000, 1), k, temperature=temperature, generator=generator
        )
        counts = tokens.bincount(minlength=10)
        kept = probabilities > 0
        # the rarest token that is kept has a share of 0.004 or more in these rows
        assert torch.equal(counts > 0, kept)
        if kept.sum() > 1:
            expected = probabilities[kept].double()
            expected = expected / expected.sum() * 20_000
            assert chisquare(counts[kept].numpy(), expected.numpy()).pvalue > 1e-6


def test_draws_as_a_hand_worked_example_does(solution):
    # 8, 4, 2 stay; at temperature 1/2 they go as 64, 16, 4
    logits = torch.tensor([2.0, 1.0, 8.0, 1.0, 4.0]).log().expand(30_000, 5)
    tokens = solution.top_k_sample(
        logits, 3, temperature=0.5, generator=torch.Generator().manual_seed(2)
    )

    shares = (tokens.bincount(minlength=5) / 30_000).tolist()
    # five standard deviations of a share
    off = 5 * math.sqrt(0.25 / 30_000)
    assert shares == pytest.approx([4 / 84, 0, 64 / 84, 0, 16 / 84], abs=off)
    assert shares[1] == shares[3] == 0
