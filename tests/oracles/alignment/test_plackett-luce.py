"""Against enumeration in exact fractions, numpy, and torch's sampling without replacement."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
import torch


def test_likelihoods_are_exact_fractions(solution):
    weights = [1, 2, 3, 5]
    scores = torch.tensor([weights], dtype=torch.float64).log()
    total = Fraction(0)
    for order in itertools.permutations(range(4)):
        chance, left = Fraction(1), sum(weights)
        for item in order:
            chance *= Fraction(weights[item], left)
            left -= weights[item]
        total += chance
        loss = solution.plackett_luce_loss(scores, torch.tensor([order]), torch.tensor([4]))
        assert math.exp(-loss.item()) == pytest.approx(float(chance), rel=1e-12)
    assert total == 1


@pytest.mark.parametrize("top", [1, 2, 3])
def test_a_top_sums_the_likelihood_of_what_it_leaves_open(solution, top):
    torch.manual_seed(0)
    scores = torch.randn(1, 5, dtype=torch.float64)
    order = [3, 1, 4, 0, 2]
    tails = [
        solution.plackett_luce_loss(scores, torch.tensor([order[:top] + list(tail)]), five)
        for five in [torch.tensor([5])]
        for tail in itertools.permutations(order[top:])
    ]

    loss = solution.plackett_luce_loss(scores, torch.tensor([order]), torch.tensor([5]), top=top)

    torch.testing.assert_close(loss, -torch.logsumexp(-torch.stack(tails), dim=0))


def test_loss_follows_numpy(solution):
    rng = np.random.default_rng(0)
    scores = rng.normal(0, 2, (6, 8))
    ranking = np.stack([rng.permutation(8) for _ in range(6)])
    lengths = np.array([8, 5, 2, 1, 0, 7])
    losses = []
    for row, order, n in zip(scores, ranking, lengths, strict=True):
        s = row[order[:n]]
        losses.append(sum(np.log(np.exp(s[i:]).sum()) - s[i] for i in range(n)))

    loss = solution.plackett_luce_loss(*(torch.from_numpy(x) for x in (scores, ranking, lengths)))

    assert loss.item() == pytest.approx(np.mean(losses), rel=1e-12)


def test_the_gradient_is_that_of_finite_differences(solution):
    torch.manual_seed(1)
    scores = torch.randn(3, 5, dtype=torch.float64, requires_grad=True)
    ranking = torch.rand(3, 5).argsort(dim=1)

    assert torch.autograd.gradcheck(
        lambda x: solution.plackett_luce_loss(x, ranking, torch.tensor([5, 3, 1]), top=2), scores
    )


def test_sampled_rankings_are_fitted_by_their_own_scores(solution):
    torch.manual_seed(2)
    scores = torch.tensor([0.0, 0.7, -0.5, 1.2], dtype=torch.float64)
    rankings = solution.sample_rankings(scores, 20_000, torch.Generator().manual_seed(3))
    fitted = scores.clone().requires_grad_()
    rows = fitted.expand(20_000, 4)

    loss = solution.plackett_luce_loss(rows, rankings, torch.full((20_000,), 4))

    # at the truth the expected gradient is 0
    (gradient,) = torch.autograd.grad(loss, fitted)
    assert gradient.abs().max() < 0.02


def test_first_places_follow_torch_multinomial(solution):
    scores = torch.tensor([0.3, -1.0, 1.5, 0.0], dtype=torch.float64)
    rankings = solution.sample_rankings(scores, 50_000, torch.Generator().manual_seed(4))
    share = torch.bincount(rankings[:, 0], minlength=4) / 50_000

    torch.testing.assert_close(share.double(), scores.softmax(0), rtol=0, atol=0.01)
