"""Against trl: GRPOTrainer's loss of type "dapo" and its soft overlong punishment."""

from collections import defaultdict
from types import SimpleNamespace

import pytest
import torch
from trl.rewards import get_soft_overlong_punishment
from trl.trainer.grpo_trainer import GRPOTrainer


def make_batch(B=8, T=6, spread=0.5):
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
        accelerator=SimpleNamespace(
            gather=lambda x: x, reduce=lambda x, reduction: x, num_processes=1
        ),
        args=SimpleNamespace(delta=None, use_bias_correction_kl=False, steps_per_generation=1),
        aux_loss_enabled=False,
        beta=0.0,
        current_gradient_accumulation_steps=1,
        epsilon_high=high,
        epsilon_low=low,
        importance_sampling_level="token",
        loss_type="dapo",
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
        "num_items_in_batch": response_mask.sum().double(),
    }
    return GRPOTrainer._compute_loss(trainer, model, inputs)


@pytest.mark.parametrize(("B", "T"), [(8, 6), (3, 12), (5, 1)])
@pytest.mark.parametrize(("low", "high"), [(0.2, 0.28), (0.1, 0.5), (0.4, 0.05)])
def test_loss_and_gradient_match_trl(solution, B, T, low, high):
    log_prob, *rest = make_batch(B, T)
    log_prob.requires_grad_()
    expected = trl_loss(log_prob, *rest, low, high)

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
