"""Against torch.distributions, scipy, and trl's entropy from logits."""

import numpy as np
import pytest
import scipy.stats
import torch
from torch.distributions import Categorical
from trl.trainer.utils import entropy_from_logits


def make_batch(B=4, T=7, V=30):
    torch.manual_seed(B * T * V)
    logits = 3 * torch.randn(B, T, V, dtype=torch.float64)
    return logits, torch.arange(T) < torch.randint(1, T + 1, (B, 1))


@pytest.mark.parametrize(("B", "T", "V"), [(4, 7, 30), (1, 1, 2), (3, 20, 500)])
def test_value_and_gradient_match_torch_distributions(solution, B, T, V):
    logits, mask = make_batch(B, T, V)
    logits.requires_grad_()
    expected = Categorical(logits=logits).entropy()[mask].mean()

    loss = solution.compute_entropy_loss(logits, mask)

    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(
        torch.autograd.grad(loss, logits), torch.autograd.grad(expected, logits)
    )


def test_tokens_cut_by_top_k_count_as_in_scipy(solution):
    logits, mask = make_batch()
    cut = logits.masked_fill(logits < logits.topk(5).values[..., -1:], -torch.inf)
    p = cut[mask].softmax(dim=-1).numpy()

    loss = solution.compute_entropy_loss(cut, mask)

    assert loss.item() == pytest.approx(scipy.stats.entropy(p, axis=-1).mean(), rel=1e-12)


def test_matches_trl(solution):
    logits, mask = make_batch()

    loss = solution.compute_entropy_loss(logits, mask)

    torch.testing.assert_close(loss, entropy_from_logits(logits)[mask].mean())


def test_it_is_the_expected_surprise_of_samples(solution):
    logits, _ = make_batch(1, 1, 12)
    mask = torch.ones(1, 1, dtype=torch.bool)
    log_p = logits[0, 0].log_softmax(0).numpy()
    rng = np.random.default_rng(0)
    surprise = -log_p[rng.choice(12, 200_000, p=np.exp(log_p) / np.exp(log_p).sum())]

    loss = solution.compute_entropy_loss(logits, mask)

    assert loss.item() == pytest.approx(surprise.mean(), abs=5 * surprise.std() / 200_000**0.5)
