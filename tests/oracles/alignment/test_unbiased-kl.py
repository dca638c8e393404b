"""Against exact KLs by enumeration, Monte Carlo, and trl's corrected k3."""

from collections import defaultdict
from types import SimpleNamespace

import pytest
import torch
from torch.distributions import Categorical, kl_divergence
from trl.trainer.grpo_trainer import GRPOTrainer


def make_batch(B=8, T=6):
    torch.manual_seed(B * T)
    log_prob = -torch.rand(B, T).double() * 4
    old = log_prob + 0.4 * torch.randn(B, T)
    ref = log_prob + 0.4 * torch.randn(B, T)
    return log_prob, old, ref, torch.arange(T) < torch.randint(1, T + 1, (B, 1))


def trl_loss(log_prob, old, ref, response_mask):
    """GRPOTrainer's loss with no advantages: only its KL term, a mean over all tokens."""
    model = SimpleNamespace(training=True)
    trainer = SimpleNamespace(
        model=model,
        accelerator=SimpleNamespace(gather=lambda x: x, reduce=lambda x, reduction: x),
        args=SimpleNamespace(delta=None, use_bias_correction_kl=True),
        aux_loss_enabled=False,
        beta=1.0,
        current_gradient_accumulation_steps=1,
        epsilon_high=0.2,
        epsilon_low=0.2,
        importance_sampling_level="token",
        loss_type="bnpo",
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
        "advantages": torch.zeros(len(log_prob), dtype=torch.float64),
        "old_per_token_logps": old,
        "ref_per_token_logps": ref,
    }
    return GRPOTrainer._compute_loss(trainer, model, inputs)


def test_token_loss_and_gradient_match_trl(solution):
    log_prob, *rest = make_batch()
    log_prob.requires_grad_()
    expected = trl_loss(log_prob, *rest)

    loss = solution.token_kl_loss(log_prob, *rest)

    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(
        torch.autograd.grad(loss, log_prob), torch.autograd.grad(expected, log_prob)
    )


def test_samples_of_an_old_policy_estimate_the_kl_of_the_new_one(solution):
    torch.manual_seed(0)
    logits, old_logits, ref_logits = 0.6 * torch.randn(3, 8, dtype=torch.float64)
    policy, old, ref = (Categorical(logits=x) for x in (logits, old_logits, ref_logits))
    tokens = old.sample((1, 200_000))
    mask = torch.ones_like(tokens, dtype=torch.bool)

    loss = solution.token_kl_loss(
        policy.log_prob(tokens), old.log_prob(tokens), ref.log_prob(tokens), mask
    )

    assert loss.item() == pytest.approx(kl_divergence(policy, ref).item(), rel=0.03)


def test_the_sequence_gradient_is_exact_for_a_chain(solution):
    """Three tokens of two, each depending on the one before: eight responses, weighed."""
    torch.manual_seed(1)
    table = torch.randn(3, 2, 2, dtype=torch.float64, requires_grad=True)
    ref_table = torch.randn(3, 2, 2, dtype=torch.float64)

    def log_probs(x):
        rows = []
        for code in range(8):
            tokens = [code & 1, code >> 1 & 1, code >> 2]
            before = [0, *tokens[:2]]
            picked = [x[t, before[t]].log_softmax(0)[token] for t, token in enumerate(tokens)]
            rows.append(torch.stack(picked))
        return torch.stack(rows)

    new, ref = log_probs(table), log_probs(ref_table)
    chances = new.sum(dim=1).exp()
    exact = (chances * (new - ref).sum(dim=1)).sum()
    one = torch.ones(1, 3, dtype=torch.bool)
    losses = [solution.sequence_kl_loss(new[i : i + 1], ref[i : i + 1], one) for i in range(8)]
    mean = (torch.stack(losses) * chances.detach()).sum()

    torch.testing.assert_close(mean, exact)
    torch.testing.assert_close(
        torch.autograd.grad(mean, table, retain_graph=True), torch.autograd.grad(exact, table)
    )
