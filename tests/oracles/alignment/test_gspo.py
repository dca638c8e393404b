"""Against trl's GRPOTrainer at the level of sequences, and veRL's rule in torch."""

import pytest
import torch


def make_batch(B=8, T=6, spread=0.4):
    torch.manual_seed(B * T)
    log_prob = -torch.rand(B, T).double() * 4
    old_log_prob = log_prob + spread * torch.randn(B, T)
    advantages = torch.randn(B).double()
    response_mask = torch.arange(T) < torch.randint(1, T + 1, (B, 1))
    return log_prob, old_log_prob, advantages, response_mask


@pytest.mark.parametrize(("B", "T"), [(8, 6), (3, 12), (5, 1)])
@pytest.mark.parametrize(("low", "high"), [(3e-4, 4e-4), (0.1, 0.2), (0.3, 0.05)])
def test_loss_and_gradient_match_trl(solution, trl_loss, B, T, low, high):
    log_prob, old, A, mask = make_batch(B, T)
    log_prob.requires_grad_()
    expected = trl_loss(
        log_prob, old, A, mask, loss_type="grpo", level="sequence", low=low, high=high
    )

    loss, _ = solution.gspo_loss(log_prob, old, A, mask, clip_low=low, clip_high=high)

    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(
        torch.autograd.grad(loss, log_prob), torch.autograd.grad(expected, log_prob)
    )


def verl_loss(log_prob, old, advantages, mask, low, high):
    """GSPO-token in logarithms, then each response's mean, then the batch's."""
    mask = mask.double()
    lengths = mask.sum(dim=-1)
    mean = ((log_prob - old) * mask).sum(dim=-1) / lengths
    ratio = torch.exp(log_prob - log_prob.detach() + mean.detach()[:, None])
    losses = torch.maximum(-advantages * ratio, -advantages * ratio.clamp(1 - low, 1 + high))
    return ((losses * mask).sum(dim=-1) / lengths).mean()


@pytest.mark.parametrize(("low", "high"), [(3e-4, 4e-4), (0.1, 0.2)])
def test_token_loss_and_gradient_follow_verl(solution, low, high):
    log_prob, old, _, mask = make_batch()
    advantages = torch.randn(log_prob.shape, dtype=torch.float64)
    log_prob.requires_grad_()
    expected = verl_loss(log_prob, old, advantages, mask, low, high)

    loss, _ = solution.gspo_token_loss(
        log_prob, old, advantages, mask, clip_low=low, clip_high=high
    )

    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(
        torch.autograd.grad(loss, log_prob), torch.autograd.grad(expected, log_prob)
    )


def test_the_gradient_is_that_of_finite_differences(solution):
    log_prob, old, A, mask = make_batch(3, 4)
    log_prob.requires_grad_()

    assert torch.autograd.gradcheck(
        lambda x: solution.gspo_loss(x, old, A, mask, clip_low=0.2, clip_high=0.3)[0], log_prob
    )
