"""Against a linear filter over the steps, numpy's moments, and exact fractions."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from scipy.signal import lfilter


def make_batch(B=5, T=14, p_step=0.7):
    torch.manual_seed(B * T)
    rewards, values = torch.randn(2, B, T, dtype=torch.float64)
    return rewards, 3 * values, torch.rand(B, T) < p_step


@pytest.mark.parametrize(("gamma", "lam"), [(1.0, 0.95), (0.99, 1.0), (0.7, 0.5), (0.9, 0.0)])
@pytest.mark.parametrize("p_step", [0.3, 0.7, 1.0])
def test_steps_are_filtered_and_whitened(solution, gamma, lam, p_step):
    rewards, values, mask = make_batch(p_step=p_step)
    kept = [np.zeros(0)]
    wanted_returns = [np.zeros(0)]
    for b in range(len(rewards)):
        r, v = (x[b][mask[b]].numpy() for x in (rewards, values))
        if not len(r):
            continue
        delta = r + gamma * np.append(v[1:], 0) - v
        kept.append(lfilter([1], [1, -gamma * lam], delta[::-1])[::-1])
        wanted_returns.append(kept[-1] + v)
    A = np.concatenate(kept)
    white = (A - A.mean()) / np.sqrt(A.var(ddof=1) + 1e-8)

    advantages, returns = solution.compute_gae_advantage_return(rewards, values, mask, gamma, lam)

    np.testing.assert_allclose(advantages[mask].numpy(), white, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(
        returns[mask].numpy(), np.concatenate(wanted_returns), rtol=1e-10, atol=1e-10
    )


def test_whitened_advantages_have_mean_zero_and_variance_one(solution):
    rewards, values, mask = make_batch(20, 30)

    advantages, _ = solution.compute_gae_advantage_return(rewards, values, mask, 0.99, 0.95)

    assert advantages[mask].mean().item() == pytest.approx(0, abs=1e-12)
    assert advantages[mask].var().item() == pytest.approx(1, rel=1e-6)


def test_returns_are_exact_on_fractions(solution):
    gamma, lam = Fraction(1, 2), Fraction(3, 4)
    rewards, values, mask = [1, -2, 9, 5, 7], [2, 4, 8, 3, 8], [True, True, False, True, False]
    advantage = after = Fraction(0)
    expected = {}
    for t in reversed(range(5)):
        if mask[t]:
            advantage = rewards[t] + gamma * after - values[t] + gamma * lam * advantage
            after = Fraction(values[t])
            expected[t] = float(advantage + values[t])

    _, returns = solution.compute_gae_advantage_return(
        torch.tensor([rewards], dtype=torch.float64),
        torch.tensor([values], dtype=torch.float64),
        torch.tensor([mask]),
        float(gamma),
        float(lam),
    )

    assert {t: returns[0, t].item() for t in expected} == expected
