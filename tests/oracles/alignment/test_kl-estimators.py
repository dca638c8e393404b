"""Against torch.distributions, exact Gaussian integrals, exact fractions and Monte Carlo."""

import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from torch.distributions import Categorical, kl_divergence


@pytest.mark.parametrize("V", [2, 9, 100])
def test_k1_and_k3_have_the_kl_as_their_expectation(solution, V):
    torch.manual_seed(V)
    logits, ref_logits = torch.randn(2, 5, V, dtype=torch.float64)
    policy, ref = Categorical(logits=logits), Categorical(logits=ref_logits)

    for kind in ("k1", "k3"):
        estimates = solution.kl_estimate(policy.logits, ref.logits, kind)
        expected = kl_divergence(policy, ref)
        torch.testing.assert_close((policy.probs * estimates).sum(dim=-1), expected)
        bias, _ = solution.bias_and_variance(logits, ref_logits, kind)
        torch.testing.assert_close(bias, torch.zeros(5, dtype=torch.float64))


@pytest.mark.parametrize("kind", ["k1", "k2", "k3"])
def test_monte_carlo_agrees(solution, kind):
    torch.manual_seed(0)
    logits, ref_logits = torch.randn(2, 6, dtype=torch.float64)
    policy, ref = Categorical(logits=logits), Categorical(logits=ref_logits)
    tokens = policy.sample((200_000,))

    estimates = solution.kl_estimate(policy.log_prob(tokens), ref.log_prob(tokens), kind)
    bias, variance = solution.bias_and_variance(logits, ref_logits, kind)

    error = math.sqrt(variance / 200_000)
    assert abs(estimates.mean() - kl_divergence(policy, ref) - bias) < 4 * error
    torch.testing.assert_close(estimates.var(), variance, rtol=0.05, atol=0)


@pytest.mark.parametrize("kind", ["k1", "k2", "k3"])
def test_a_fine_grid_gives_the_moments_of_two_gaussians(solution, kind):
    """Policy N(0, 1), reference N(m, 1): log r is N(-m^2/2, m^2)."""
    m = 0.5
    x = torch.linspace(-12, 12, 4001, dtype=torch.float64)
    bias, variance = solution.bias_and_variance(-(x**2) / 2, -((x - m) ** 2) / 2, kind)

    kl = m**2 / 2
    # E[(log r)^2] = m^2 + kl^2, its variance 2 m^4 + 4 m^2 kl^2; Var[r] = exp(m^2) - 1,
    # Cov[r, log r] = m^2
    expected = {
        "k1": (0, m**2),
        "k2": ((m**2 + kl**2) / 2 - kl, (2 * m**4 + 4 * m**2 * kl**2) / 4),
        "k3": (0, math.exp(m**2) - 1 + m**2 - 2 * m**2),
    }[kind]
    np.testing.assert_allclose([bias.item(), variance.item()], expected, rtol=1e-9, atol=1e-12)


def test_k3_is_exact_on_a_rational_ratio(solution):
    """(r - 1) - log r, with log(1 + x) by its series in exact fractions."""
    for x in (Fraction(1, 1000), Fraction(-1, 50), Fraction(1, 10**7)):
        log = sum(Fraction((-1) ** (n + 1)) * x**n / n for n in range(1, 30))
        ref = torch.tensor([float(log)], dtype=torch.float64)

        got = solution.kl_estimate(torch.zeros_like(ref), ref, "k3")

        np.testing.assert_allclose(got.item(), float(x - log), rtol=1e-8)


def test_expected_gradients(solution):
    """k1 has none, k2 that of KL(policy || ref), k3 that of KL(ref || policy)."""
    torch.manual_seed(3)
    logits, ref_logits = torch.randn(2, 8, dtype=torch.float64)
    logits.requires_grad_()
    log_p, log_ref = logits.log_softmax(0), ref_logits.log_softmax(0)
    p = log_p.exp().detach()
    forward = (log_p.exp() * (log_p - log_ref)).sum()
    reverse = (log_ref.exp() * (log_ref - log_p)).sum()
    gradients = [torch.autograd.grad(x, logits, retain_graph=True)[0] for x in (forward, reverse)]
    wanted = {"k1": torch.zeros_like(logits), "k2": gradients[0], "k3": gradients[1]}

    for kind, expected in wanted.items():
        loss = (p * solution.kl_estimate(log_p, log_ref, kind)).sum()
        (got,) = torch.autograd.grad(loss, logits, retain_graph=True)
        torch.testing.assert_close(got, expected)
