"""Against torch.distributions in expectation, veRL in numpy, and exact fractions."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from torch.distributions import Categorical, kl_divergence


def make_policies(V=6):
    torch.manual_seed(V)
    logits, ref_logits = 0.5 * torch.randn(2, V, dtype=torch.float64)
    return logits, ref_logits.log_softmax(0)


@pytest.mark.parametrize("V", [2, 6, 30])
@pytest.mark.parametrize("name", ["kl", "k1+", "low_var_kl", "k3", "k3+"])
def test_k1_and_k3_are_the_kl_in_expectation(solution, name, V):
    logits, ref = make_policies(V)
    policy = Categorical(logits=logits)
    expected = kl_divergence(policy, Categorical(logits=ref))

    each = solution.kl_penalty(policy.logits, ref, name)

    torch.testing.assert_close((policy.probs * each).sum(), expected)


@pytest.mark.parametrize("name", ["k1+", "abs+", "mse", "k2", "k2+", "low_var_kl+", "k3+"])
def test_a_plus_has_the_gradient_of_the_kl_in_expectation(solution, name):
    logits, ref = make_policies()
    logits.requires_grad_()
    log_p = logits.log_softmax(0)
    (expected,) = torch.autograd.grad(
        kl_divergence(Categorical(logits=log_p), Categorical(logits=ref)), logits, retain_graph=True
    )

    # the samples are drawn from the policy as it is: its probabilities are constants
    loss = (log_p.detach().exp() * solution.kl_penalty(log_p, ref, name)).sum()

    torch.testing.assert_close(torch.autograd.grad(loss, logits)[0], expected)


@pytest.mark.parametrize("name", ["k1", "k3"])
def test_without_a_plus_the_gradient_is_another(solution, name):
    logits, ref = make_policies()
    logits.requires_grad_()
    log_p = logits.log_softmax(0)
    (right,) = torch.autograd.grad(
        kl_divergence(Categorical(logits=log_p), Categorical(logits=ref)), logits, retain_graph=True
    )
    loss = (log_p.detach().exp() * solution.kl_penalty(log_p, ref, name)).sum()

    assert (torch.autograd.grad(loss, logits)[0] - right).abs().max() > 1e-3


@pytest.mark.parametrize("name", ["kl", "abs", "mse", "low_var_kl"])
def test_values_follow_verl_in_numpy(solution, name):
    rng = np.random.default_rng(0)
    new, ref = rng.normal(-3, 4, (2, 50, 8))
    x = new - ref
    k3 = np.clip(np.exp(np.clip(-x, -20, 20)) - np.clip(-x, -20, 20) - 1, -10, 10)
    expected = {"kl": x, "abs": abs(x), "mse": x**2 / 2, "low_var_kl": k3}[name]

    got = solution.kl_penalty(torch.from_numpy(new), torch.from_numpy(ref), name)

    np.testing.assert_allclose(got.numpy(), expected, rtol=1e-9, atol=1e-12)


def test_the_sequence_pays_its_whole_log_ratio(solution):
    """Undiscounted, the rewards of a response add up to its score less beta * log-ratio."""
    torch.manual_seed(0)
    new, ref = -torch.rand(2, 5, 7, dtype=torch.float64)
    mask = torch.arange(7) < torch.tensor([7, 3, 1, 5, 6])[:, None]
    scores = torch.zeros(5, 7, dtype=torch.float64)
    scores[torch.arange(5), mask.sum(dim=1) - 1] = torch.randn(5, dtype=torch.float64)
    sequence = torch.stack([(new[b] - ref[b])[mask[b]].sum() for b in range(5)])

    rewards, _ = solution.apply_kl_penalty(scores, new, ref, mask, 0.2)

    torch.testing.assert_close((rewards * mask).sum(dim=1), scores.sum(dim=1) - 0.2 * sequence)


def test_rewards_are_exact_on_fractions(solution):
    new = [[-1, Fraction(-1, 2), -2], [-4, -3, 0]]
    ref = [[-2, -1, -2], [Fraction(-7, 2), 5, 7]]
    keep = [[True, True, True], [True, False, False]]
    scores = [[0, 0, 5], [1, 2, 3]]
    beta = Fraction(1, 4)
    rewards = [
        [s - beta * (p - q) * k for s, p, q, k in zip(*rows, strict=True)]
        for rows in zip(scores, new, ref, keep, strict=True)
    ]
    means = [Fraction(1 + Fraction(1, 2) + 0) / 3, Fraction(-1, 2)]

    def tensor(rows):
        return torch.tensor([[float(x) for x in row] for row in rows], dtype=torch.float64)

    got, kl = solution.apply_kl_penalty(
        tensor(scores), tensor(new), tensor(ref), torch.tensor(keep), float(beta)
    )

    assert got.tolist() == [[float(x) for x in row] for row in rewards]
    assert kl.item() == pytest.approx(float(sum(means) / 2))
