"""Compared with the logits processors that transformers samples with."""

import math

import pytest
import torch
from scipy.stats import chisquare
from transformers.generation.logits_process import (
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
)


def warped(logits, context, min_p, penalty, temperature):
    """The probabilities that transformers draws from."""
    scores = RepetitionPenaltyLogitsProcessor(float(penalty))(context, logits)
    scores = TemperatureLogitsWarper(float(temperature))(None, scores)
    return MinPLogitsWarper(min_p)(None, scores).softmax(-1)


@pytest.mark.parametrize("temperature", [0.6, 1.0, 1.7])
@pytest.mark.parametrize("penalty", [0.7, 1.0, 1.4])
@pytest.mark.parametrize("min_p", [0.0, 0.05, 0.3])
def test_draws_as_transformers_does(solution, min_p, penalty, temperature):
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(4, 10, dtype=torch.float64)
    contexts = torch.randint(10, (4, 5))

    probabilities = warped(rows, contexts, min_p, penalty, temperature)
    for row, context, expected in zip(rows, contexts, probabilities, strict=True):
        tokens = solution.min_p_sample(
            row.repeat(20_000, 1),
            context.repeat(20_000, 1),
            min_p=min_p,
            repetition_penalty=penalty,
            temperature=temperature,
            generator=generator,
        )
        counts = tokens.bincount(minlength=10)
        assert (counts[expected == 0] == 0).all()
        kept = expected * 20_000 > 5
        if kept.sum() > 1:
            wanted = expected[kept] / expected[kept].sum() * counts[kept].sum()
            assert chisquare(counts[kept].numpy(), wanted.numpy()).pvalue > 1e-6


def test_draws_as_a_hand_worked_example_does(solution):
    # log 16 halves to log 4, log 1/2 doubles to log 1/4; of 4, 2, 1, 1/4 two reach 0.3 * 4
    logits = torch.tensor([16.0, 2.0, 1.0, 0.5]).log().expand(30_000, 4)
    context = torch.tensor([0, 3, 3]).expand(30_000, 3)
    tokens = solution.min_p_sample(
        logits,
        context,
        min_p=0.3,
        repetition_penalty=2.0,
        generator=torch.Generator().manual_seed(2),
    )

    shares = (tokens.bincount(minlength=4) / 30_000).tolist()
    # five standard deviations of a share
    off = 5 * math.sqrt(0.25 / 30_000)
    assert shares == pytest.approx([4 / 6, 2 / 6, 0, 0], abs=off)
    assert shares[2] == shares[3] == 0
