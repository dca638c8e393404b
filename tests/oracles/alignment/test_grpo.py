"""Against trl's GRPOTrainer, and the rule that trl and veRL share for advantages."""

import numpy as np
import pytest
import torch
from trl.trainer.utils import nanstd


def make_batch(B=8, T=6, spread=0.4):
    torch.manual_seed(B * T)
    log_prob = -torch.rand(B, T).double() * 4
    old_log_prob = log_prob + spread * torch.randn(B, T)
    ref_log_prob = log_prob + spread * torch.randn(B, T)
    advantages = torch.randn(B).double()
    response_mask = torch.arange(T) < torch.randint(1, T + 1, (B, 1))
    return log_prob, old_log_prob, ref_log_prob, advantages, response_mask


@pytest.fixture
def trl_grpo(trl_loss):
    """trl's loss in the order of grpo_loss's arguments."""

    def loss(log_prob, old, ref, advantages, response_mask, clip_eps, beta, loss_type="grpo"):
        return trl_loss(
            log_prob,
            old,
            advantages,
            response_mask,
            loss_type=loss_type,
            low=clip_eps,
            high=clip_eps,
            ref_log_prob=ref,
            beta=beta,
        )

    return loss


@pytest.mark.parametrize(("B", "T"), [(8, 6), (3, 12), (5, 1)])
@pytest.mark.parametrize(("clip_eps", "beta"), [(0.2, 0.04), (0.1, 0.0), (0.3, 1.0)])
def test_loss_and_gradient_match_trl(solution, trl_grpo, B, T, clip_eps, beta):
    log_prob, *rest = make_batch(B, T)
    log_prob.requires_grad_()
    expected = trl_grpo(log_prob, *rest, clip_eps, beta)

    loss = solution.grpo_loss(log_prob, *rest, clip_eps=clip_eps, beta=beta)

    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(
        torch.autograd.grad(loss, log_prob), torch.autograd.grad(expected, log_prob)
    )


def test_an_empty_response_counts_as_it_does_in_trl(solution, trl_grpo):
    *tensors, response_mask = make_batch()
    response_mask[2] = False

    loss = solution.grpo_loss(*tensors, response_mask, clip_eps=0.2, beta=0.1)

    torch.testing.assert_close(loss, trl_grpo(*tensors, response_mask, 0.2, 0.1))


def test_token_mean_is_another_loss(solution, trl_grpo):
    """The comparison above can tell GRPO's aggregation from a mean over all tokens."""
    batch = make_batch()

    assert not torch.isclose(
        solution.grpo_loss(*batch), trl_grpo(*batch, 0.2, 0.04, loss_type="bnpo")
    )


@pytest.mark.parametrize(("group_size", "eps"), [(2, 1e-4), (4, 1e-6), (12, 0.3)])
def test_advantages_follow_trl(solution, group_size, eps):
    torch.manual_seed(group_size)
    rewards = torch.randn(12, dtype=torch.float64)
    groups = rewards.view(-1, group_size)
    spread = nanstd(groups, dim=1, keepdim=True)
    expected = ((groups - groups.nanmean(dim=1, keepdim=True)) / (spread + eps)).flatten()

    torch.testing.assert_close(
        solution.group_advantages(rewards, group_size=group_size, eps=eps), expected
    )


def test_advantages_follow_numpy_group_by_group(solution):
    """veRL's rule too: torch.std over the rewards of one prompt, epsilon added to it."""
    torch.manual_seed(5)
    rewards = torch.randint(0, 2, (32,)).double()
    expected = []
    for group in rewards.numpy().reshape(4, 8):
        expected.extend((group - group.mean()) / (np.std(group, ddof=1) + 1e-6))

    got = solution.group_advantages(rewards, group_size=8)

    torch.testing.assert_close(got, torch.tensor(expected, dtype=torch.float64))


def test_k3_is_an_unbiased_kl_and_its_gradient_is_that_of_the_other_direction(solution):
    """Exact sums over a small vocabulary, each token weighted by the policy's probability."""
    torch.manual_seed(6)
    logits, ref_logits = torch.randn(2, 9, dtype=torch.float64)
    logits.requires_grad_()
    log_p, log_ref = logits.log_softmax(0), ref_logits.log_softmax(0)
    p = log_p.exp().detach()
    zero, one = torch.zeros(1, dtype=torch.float64), torch.ones(1, 1, dtype=torch.bool)
    k3 = sum(
        p[i]
        * solution.grpo_loss(
            log_p[i].view(1, 1), log_p[i].view(1, 1), log_ref[i].view(1, 1), zero, one, beta=1.0
        )
        for i in range(9)
    )
    kl = (log_p.exp() * (log_p - log_ref)).sum()
    other = (log_ref.exp() * (log_ref - log_p)).sum()

    torch.testing.assert_close(k3, kl)
    torch.testing.assert_close(
        torch.autograd.grad(k3, logits, retain_graph=True),
        torch.autograd.grad(other, logits, retain_graph=True),
    )
