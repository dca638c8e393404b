"""Against trl's GRPOTrainer at the level of sequences, and veRL's rule in torch."""

from collections import defaultdict
from types import SimpleNamespace

import pytest
import torch
from trl.trainer.grpo_trainer import GRPOTrainer


def make_batch(B=8, T=6, spread=0.4):
    torch.manual_seed(B * T)
    log_prob = -torch.rand(B, T).double() * 4
    old_log_prob = log_prob + spread * torch.randn(B, T)
    advantages = torch.randn(B).double()
    response_mask = torch.arange(T) < torch.randint(1, T + 1, (B, 1))
    return log_prob, old_log_prob, advantages, response_mask


def trl_loss(log_prob, old, advantages, response_mask, low, high):
    """GRPOTrainer's own loss, without a model, a tokenizer or a data set."""
    model = SimpleNamespace(training=True)
    trainer = SimpleNamespace(
        model=model,
        accelerator=SimpleNamespace(gather=lambda x: x, reduce=lambda x, reduction: x),
        args=SimpleNamespace(delta=None, use_bias_correction_kl=False),
        aux_loss_enabled=False,
        beta=0.0,
        current_gradient_accumulation_steps=1,
        epsilon_high=high,
        epsilon_low=low,
        importance_sampling_level="sequence",
        loss_type="grpo",
        off_policy_mask_threshold=None,
        top_entropy_quantile=1.0,
        use_vllm=False,
        vllm_importance_sampling_correction=False,
        _entropy_bonus_enabled=False,
        _get_per_token_logps_and_entropies=lambda *_, **__: (
            log_prob,
            torch.zeros_like(log_prob),
            None,
        ),
        _metrics={"train": defaultdict(list)},
    )
    ones = torch.ones_like(response_mask, dtype=torch.long)
    inputs = {
        "prompt_ids": ones[:, :1],
        "prompt_mask": ones[:, :1],
        "completion_ids": ones,
        "completion_mask": response_mask.long(),
        "advantages": advantages,
        "old_per_token_logps": old,
    }
    return GRPOTrainer._compute_loss(trainer, model, inputs)


@pytest.mark.parametrize(("B", "T"), [(8, 6), (3, 12), (5, 1)])
@pytest.mark.parametrize(("low", "high"), [(3e-4, 4e-4), (0.1, 0.2), (0.3, 0.05)])
def test_loss_and_gradient_match_trl(solution, B, T, low, high):
    log_prob, old, A, mask = make_batch(B, T)
    log_prob.requires_grad_()
    expected = trl_loss(log_prob, old, A, mask, low, high)

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
