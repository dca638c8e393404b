"""Against transformers' loss, trl's gather, and trl's DPOTrainer itself."""

from collections import defaultdict
from types import SimpleNamespace

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM
from trl.trainer.dpo_trainer import DPOTrainer
from trl.trainer.utils import selective_log_softmax


def make_mask(B, T):
    prompt = torch.randint(1, 4, (B, 1))
    end = torch.randint(T - 3, T + 1, (B, 1))
    return (torch.arange(T) >= prompt) & (torch.arange(T) < end)


@pytest.fixture
def model():
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=50,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
    )
    return LlamaForCausalLM(config).double()


def test_log_prob_and_its_gradients_match_a_transformers_model(solution, model):
    torch.manual_seed(1)
    input_ids, mask = torch.randint(50, (3, 10)), make_mask(3, 10)
    weights = list(model.parameters())
    for row in range(3):
        ids, keep = input_ids[row : row + 1], mask[row : row + 1]
        labels = ids.masked_fill(~keep, -100)
        # the model shifts labels itself, works in float32, and averages over those that count
        expected = -model(input_ids=ids, labels=labels).loss * keep[:, 1:].sum()
        got = solution.sequence_log_prob(model(input_ids=ids).logits, ids, keep)[0]

        torch.testing.assert_close(got.float(), expected, rtol=1e-5, atol=0)
        torch.testing.assert_close(
            torch.autograd.grad(got, weights),
            torch.autograd.grad(expected, weights),
            rtol=1e-4,
            atol=1e-5,
        )


def test_log_prob_matches_trl_selective_log_softmax(solution):
    torch.manual_seed(2)
    logits = 3 * torch.randn(4, 12, 30, dtype=torch.float64, requires_grad=True)
    input_ids, mask = torch.randint(30, (4, 12)), make_mask(4, 12)
    per_token = selective_log_softmax(logits[:, :-1], input_ids[:, 1:])
    expected = (per_token * mask[:, 1:]).sum(dim=1)

    got = solution.sequence_log_prob(logits, input_ids, mask)

    cotangent = torch.randn_like(expected)
    torch.testing.assert_close(got, expected)
    torch.testing.assert_close(
        torch.autograd.grad(got, logits, cotangent),
        torch.autograd.grad(expected, logits, cotangent),
    )


class Scorer:
    """What DPOTrainer calls as a model: per-token log-probabilities, given."""

    def __init__(self, log_probs):
        self.log_probs = log_probs
        self.training = True

    def __call__(self, **_):
        zeros = torch.zeros_like(self.log_probs)
        return SimpleNamespace(
            log_probs=self.log_probs, entropy=zeros, mean_logits=zeros, is_top1=zeros.bool()
        )


def trl_loss(policy, reference, completion_mask, beta):
    """DPOTrainer's own loss, chosen rows first, without a model, a tokenizer or a data set."""
    metrics = defaultdict(list)
    scorer = Scorer(policy)
    trainer = SimpleNamespace(
        model=scorer,
        ref_model=Scorer(reference),
        accelerator=SimpleNamespace(
            device=torch.device("cpu"), gather=lambda x: x, gather_for_metrics=lambda x: x
        ),
        args=SimpleNamespace(gradient_checkpointing_kwargs=None, gradient_checkpointing=False),
        aux_loss_enabled=False,
        beta=beta,
        f_divergence_type="reverse_kl",
        ld_alpha=None,
        loss_types=["sigmoid"],
        loss_weights=[1.0],
        precompute_ref_logps=True,
        use_weighting=False,
        _metrics={"train": metrics},
        _total_train_tokens=0,
        _tp_size=1,
    )
    ref_chosen, ref_rejected = reference.sum(dim=1).chunk(2)
    inputs = {
        "input_ids": torch.zeros_like(completion_mask, dtype=torch.long),
        "attention_mask": torch.ones_like(completion_mask, dtype=torch.long),
        "completion_mask": completion_mask.long(),
        "ref_chosen_logps": ref_chosen,
        "ref_rejected_logps": ref_rejected,
    }
    return DPOTrainer._compute_loss(trainer, scorer, inputs, False), metrics


@pytest.mark.parametrize("beta", [0.1, 0.5, 2.0])
def test_loss_rewards_and_gradients_match_trl(solution, beta):
    torch.manual_seed(3)
    mask = make_mask(8, 10)
    # trl's models give 0 where the labels are -100
    policy = (-torch.rand(8, 9).double() * 3 * mask[:, 1:]).requires_grad_()
    reference = -torch.rand(8, 9).double() * 3 * mask[:, 1:]
    expected, metrics = trl_loss(policy, reference, mask, beta)

    loss, chosen_rewards, rejected_rewards = solution.dpo_loss(
        *policy.sum(dim=1).chunk(2), *reference.sum(dim=1).chunk(2), beta=beta
    )

    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(
        torch.autograd.grad(loss, policy), torch.autograd.grad(expected, policy)
    )
    assert chosen_rewards.mean().item() == pytest.approx(metrics["rewards/chosen"][0])
    assert rejected_rewards.mean().item() == pytest.approx(metrics["rewards/rejected"][0])


def test_smoothing_is_the_expected_loss_under_flipped_labels(solution):
    torch.manual_seed(4)
    chosen, rejected, ref_chosen, ref_rejected = (
        torch.randn(5, dtype=torch.float64, requires_grad=True) for _ in range(4)
    )
    as_labelled = solution.dpo_loss(chosen, rejected, ref_chosen, ref_rejected, beta=0.7)[0]
    flipped = solution.dpo_loss(rejected, chosen, ref_rejected, ref_chosen, beta=0.7)[0]

    smoothed = solution.dpo_loss(
        chosen, rejected, ref_chosen, ref_rejected, beta=0.7, label_smoothing=0.3
    )[0]

    torch.testing.assert_close(smoothed, 0.7 * as_labelled + 0.3 * flipped)


def test_smoothed_optimum_is_log_odds(solution):
    """At sigmoid(h) = 1 - eps the gradient is 0: h = log 9 for eps = 0.1."""
    zeros = torch.zeros(1, dtype=torch.float64)
    chosen = torch.full((1,), 9.0, dtype=torch.float64).log().requires_grad_()
    loss, _, _ = solution.dpo_loss(chosen, zeros, zeros, zeros, beta=1.0, label_smoothing=0.1)
    (gradient,) = torch.autograd.grad(loss, chosen)

    torch.testing.assert_close(gradient, zeros)
