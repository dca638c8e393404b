"""Against trl: GRPOTrainer's loss of type "dapo" and its soft overlong punishment."""

import pytest
import torch
from trl.rewards import get_soft_overlong_punishment


def make_batch(B=8, T=6, spread=0.5):
    torch.manual_seed(B * T)
    log_prob = -torch.rand(B, T).double() * 4
    old_log_prob = log_prob + spread * torch.randn(B, T)
    advantages = torch.randn(B).double()
    response_mask = torch.arange(T) < torch.randint(1, T + 1, (B, 1))
    return log_prob, old_log_prob, advantages, response_mask


@pytest.mark.parametrize(("B", "T"), [(8, 6), (3, 12), (5, 1)])
@pytest.mark.parametrize(("low", "high"), [(0.2, 0.28), (0.1, 0.5), (0.4, 0.05)])
def test_loss_and_gradient_match_trl(solution, trl_loss, B, T, low, high):
    log_prob, *rest = make_batch(B, T)
    log_prob.requires_grad_()
    expected = trl_loss(log_prob, *rest, loss_type="dapo", low=low, high=high)

    loss = solution.dapo_loss(log_prob, *rest, clip_low=low, clip_high=high)

    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(
        torch.autograd.grad(loss, log_prob), torch.autograd.grad(expected, log_prob)
    )


@pytest.mark.parametrize(("max_length", "cache"), [(20, 4), (20, 20), (100, 1), (20480, 4096)])
def test_the_penalty_matches_trl(solution, max_length, cache):
    lengths = torch.arange(0, max_length + 5, max(1, max_length // 40))
    reward = get_soft_overlong_punishment(max_length, cache)
    expected = torch.tensor(reward([range(n) for n in lengths.tolist()]), dtype=torch.float32)

    got = solution.overlong_penalty(lengths, max_length=max_length, cache=cache)

    torch.testing.assert_close(got, expected)


def test_groups_that_are_dropped_have_no_advantage(solution):
    torch.manual_seed(0)
    groups = [torch.rand(4) < p for p in torch.rand(200)]
    spread = torch.stack([g.double().std() for g in groups])
    expected = spread.nonzero()[:50, 0].tolist()

    assert solution.dynamic_sampling(iter(groups), 50) == expected
