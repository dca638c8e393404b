"""Against scipy's minimiser, published scores, and a closed form."""

import math

import numpy as np
import pytest
import scipy.optimize
import torch


def make_wins(K, games, seed):
    rng = np.random.default_rng(seed)
    s = rng.normal(0, 1, K)
    wins = np.zeros((K, K))
    for i in range(K):
        for j in range(i):
            wins[i, j] = rng.binomial(games, 1 / (1 + math.exp(s[j] - s[i])))
            wins[j, i] = games - wins[i, j]
    wins[np.arange(K), (np.arange(K) + 1) % K] += 1
    return wins


def by_scipy(wins):
    K = len(wins)

    def loss(s):
        gaps = s[:, None] - s
        value = (wins * np.logaddexp(0, -gaps)).sum() + s.sum() ** 2 / 2
        slope = wins / (1 + np.exp(gaps))
        return value, slope.sum(axis=0) - slope.sum(axis=1) + s.sum()

    found = scipy.optimize.minimize(loss, np.zeros(K), jac=True, method="BFGS", tol=1e-11)
    return found.x - found.x.mean()


@pytest.mark.parametrize(("K", "games"), [(2, 9), (5, 12), (12, 30)])
def test_scores_match_scipy(solution, K, games):
    wins = make_wins(K, games, K)

    got = solution.fit_bradley_terry(torch.from_numpy(wins))

    np.testing.assert_allclose(got.numpy(), by_scipy(wins), atol=1e-5)


def test_scores_match_published_ones(solution):
    """American League of 1987, in Agresti, "Categorical Data Analysis", section 10.6."""
    # Milwaukee, Detroit, Toronto, New York, Boston, Cleveland, Baltimore
    wins = [
        [0, 7, 9, 7, 7, 9, 11],
        [6, 0, 7, 5, 11, 9, 9],
        [4, 6, 0, 7, 7, 8, 12],
        [6, 8, 6, 0, 6, 7, 10],
        [6, 2, 6, 7, 0, 7, 12],
        [4, 4, 5, 6, 6, 0, 6],
        [2, 4, 1, 3, 1, 7, 0],
    ]
    published = [1.5814, 1.4364, 1.2945, 1.2476, 1.1077, 0.6839, 0.0]

    got = solution.fit_bradley_terry(torch.tensor(wins, dtype=torch.float64))

    np.testing.assert_allclose((got - got[-1]).numpy(), published, atol=6e-5)


def test_a_chain_is_solved_link_by_link(solution):
    wins = torch.zeros(4, 4, dtype=torch.float64)
    odds = [(3, 1), (2, 5), (7, 7)]
    for i, (up, down) in enumerate(odds):
        wins[i, i + 1], wins[i + 1, i] = up, down
    gaps = [math.log(up / down) for up, down in odds]

    got = solution.fit_bradley_terry(wins)

    np.testing.assert_allclose((got[:-1] - got[1:]).numpy(), gaps, atol=1e-8)
