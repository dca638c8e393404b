"""Against a linear filter, a linear solve, exact fractions, and veRL's rule."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from scipy.signal import lfilter


def make_rollouts(B=4, T=9, p_done=0.0):
    return (
        torch.randn(B, T, dtype=torch.float64),
        2 * torch.randn(B, T, dtype=torch.float64),
        torch.randn(B, dtype=torch.float64) + 2,
        torch.rand(B, T) < p_done,
    )


@pytest.mark.parametrize(("gamma", "lam"), [(0.99, 0.95), (1.0, 1.0), (0.5, 0.9), (0.9, 0.0)])
def test_one_episode_is_a_filter_over_td_errors(solution, gamma, lam):
    torch.manual_seed(0)
    rewards, values, bootstrap_value, dones = make_rollouts()
    v = np.concatenate([values.numpy(), bootstrap_value.numpy()[:, None]], axis=1)
    delta = rewards.numpy() + gamma * v[:, 1:] - v[:, :-1]
    expected = lfilter([1], [1, -gamma * lam], delta[:, ::-1], axis=1)[:, ::-1]

    advantages, returns = solution.gae(
        rewards, values, bootstrap_value, dones, gamma=gamma, lam=lam
    )

    np.testing.assert_allclose(advantages.numpy(), expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(returns.numpy(), expected + v[:, :-1], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("p_done", [0.2, 0.6, 1.0])
@pytest.mark.parametrize(("gamma", "lam"), [(0.99, 0.95), (0.7, 1.0), (1.0, 0.6)])
def test_many_episodes_solve_a_linear_system(solution, p_done, gamma, lam):
    torch.manual_seed(1)
    rewards, values, bootstrap_value, dones = make_rollouts(p_done=p_done)
    advantages, _ = solution.gae(rewards, values, bootstrap_value, dones, gamma=gamma, lam=lam)
    B, T = rewards.shape
    for b in range(B):
        # after[t, t + 1] = 1 where step t + 1 belongs to the same episode
        alive = (~dones[b]).double().numpy()
        after = np.diag(alive[:-1], k=1)
        last = np.zeros(T)
        last[-1] = alive[-1] * bootstrap_value[b].item()
        v = values[b].numpy()
        delta = rewards[b].numpy() + gamma * (after @ v + last) - v
        expected = np.linalg.solve(np.eye(T) - gamma * lam * after, delta)
        np.testing.assert_allclose(advantages[b].numpy(), expected, rtol=1e-10, atol=1e-10)


def test_is_exact_on_fractions(solution):
    gamma, lam = Fraction(3, 4), Fraction(1, 2)
    rewards, values, bootstrap = [1, -2, 3, 5], [2, 4, -1, 3], 8
    dones = [False, True, False, False]
    advantage, after, expected = Fraction(0), Fraction(bootstrap), []
    for reward, value, done in reversed(list(zip(rewards, values, dones, strict=True))):
        keep = 0 if done else 1
        advantage = reward + gamma * after * keep - value + gamma * lam * keep * advantage
        after = Fraction(value)
        expected.insert(0, advantage)

    advantages, returns = solution.gae(
        torch.tensor([rewards], dtype=torch.float64),
        torch.tensor([values], dtype=torch.float64),
        torch.tensor([bootstrap], dtype=torch.float64),
        torch.tensor([dones]),
        gamma=float(gamma),
        lam=float(lam),
    )

    assert advantages[0].tolist() == [float(a) for a in expected]
    assert returns[0].tolist() == [float(a + v) for a, v in zip(expected, values, strict=True)]


def test_padded_responses_follow_verl(solution):
    """veRL marks tokens with response_mask; a done at the last token says the same."""
    torch.manual_seed(2)
    rewards, values, bootstrap_value, dones = make_rollouts(B=3, T=8)
    lengths = torch.tensor([8, 5, 1])
    response_mask = (torch.arange(8) < lengths[:, None]).double()
    dones[torch.arange(3), lengths - 1] = True
    gamma, lam = 1.0, 0.95

    # its recursion: what is masked keeps the value and advantage carried so far
    next_value = carried = torch.zeros(3, dtype=torch.float64)
    expected = torch.zeros(3, 8, dtype=torch.float64)
    for t in reversed(range(8)):
        mask = response_mask[:, t]
        new = rewards[:, t] + gamma * next_value - values[:, t] + gamma * lam * carried
        carried = mask * new + (1 - mask) * carried
        next_value = mask * values[:, t] + (1 - mask) * next_value
        expected[:, t] = carried

    advantages, _ = solution.gae(rewards, values, bootstrap_value, dones, gamma=gamma, lam=lam)

    torch.testing.assert_close(advantages * response_mask, expected * response_mask)


def test_advantages_under_the_true_values_average_to_zero(solution):
    """A random walk that pays 1 to 3 and ends with chance 0.1: V = 2 / (1 - 0.9 * gamma)."""
    torch.manual_seed(3)
    gamma, B, T = 0.9, 20_000, 6
    value = 2 / (1 - 0.9 * gamma)
    rewards = torch.randint(1, 4, (B, T)).double()
    values = torch.full((B, T), value, dtype=torch.float64)

    advantages, returns = solution.gae(
        rewards, values, values[:, 0], torch.rand(B, T) < 0.1, gamma=gamma, lam=0.8
    )

    error = advantages.std(dim=0) / B**0.5
    assert (advantages.mean(dim=0).abs() < 4 * error).all()
    assert (returns.mean(dim=0) - value).abs().max() < 4 * error.max()
