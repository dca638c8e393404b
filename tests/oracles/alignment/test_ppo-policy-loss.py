"""Against trl's GRPOTrainer, whose token-mean losses are PPO's, and veRL's rules in numpy."""

import numpy as np
import pytest
import torch


def make_batch(B=8, T=6, spread=0.8):
    torch.manual_seed(B * T)
    log_prob = -torch.rand(B, T).double() * 4
    old_log_prob = log_prob + spread * torch.randn(B, T)
    advantages = torch.randn(B, T).double()
    response_mask = torch.arange(T) < torch.randint(1, T + 1, (B, 1))
    return old_log_prob, log_prob, advantages, response_mask


@pytest.mark.parametrize(("B", "T"), [(8, 6), (3, 12), (5, 1)])
@pytest.mark.parametrize(
    ("low", "high", "c"), [(0.2, 0.2, 3.0), (0.2, 0.28, 1.5), (0.05, 0.1, 10.0)]
)
def test_loss_and_gradient_match_trl(solution, trl_loss, B, T, low, high, c):
    """trl's two-sided clip bounds the ratio of the unclipped term by delta.

    For A < 0 that is the dual clip; for A > 0 it does nothing, as delta > 1 + high.
    """
    old, log_prob, advantages, response_mask = make_batch(B, T)
    log_prob.requires_grad_()
    expected = trl_loss(
        log_prob, old, advantages, response_mask, loss_type="bnpo", low=low, high=high, delta=c
    )

    loss, *_ = solution.compute_policy_loss(
        old,
        log_prob,
        advantages,
        response_mask,
        cliprange_low=low,
        cliprange_high=high,
        clip_ratio_c=c,
    )

    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(
        torch.autograd.grad(loss, log_prob), torch.autograd.grad(expected, log_prob)
    )


def test_without_a_dual_clip_trl_has_another_loss(solution, trl_loss):
    """The comparison above can tell a dual clip from none."""
    old, log_prob, *rest = make_batch()

    loss, *_ = solution.compute_policy_loss(old, log_prob, *rest, clip_ratio_c=1.25)

    assert not torch.isclose(loss, trl_loss(log_prob, old, *rest, loss_type="bnpo"))


@pytest.mark.parametrize(("cliprange", "c"), [(0.2, 3.0), (0.1, 1.2), (0.5, 1.1)])
def test_metrics_follow_verl(solution, cliprange, c):
    old, log_prob, advantages, response_mask = make_batch(16, 9)
    keep = response_mask.numpy()
    delta = (log_prob - old).numpy()[keep]
    A = advantages.numpy()[keep]
    ratio = np.exp(np.clip(delta, -20, 20))
    plain, clipped = -A * ratio, -A * np.clip(ratio, 1 - cliprange, 1 + cliprange)
    worse = np.maximum(plain, clipped)
    loss = np.where(A < 0, np.minimum(worse, -A * c), worse).mean()
    expected = [
        loss,
        (clipped > plain).mean(),
        -delta.mean(),
        ((worse > -A * c) & (A < 0)).mean(),
    ]

    got = solution.compute_policy_loss(
        old, log_prob, advantages, response_mask, cliprange, clip_ratio_c=c
    )

    np.testing.assert_allclose([x.item() for x in got], expected, rtol=1e-12)
