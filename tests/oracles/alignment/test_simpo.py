"""Against trl: CPOTrainer's SimPO and DPOTrainer's IPO."""

import warnings
from collections import defaultdict
from types import SimpleNamespace

import pytest
import torch
from trl.import_utils import TRLExperimentalWarning
from trl.trainer.dpo_trainer import DPOTrainer

with warnings.catch_warnings():
    warnings.simplefilter("ignore", TRLExperimentalWarning)
    from trl.experimental.cpo.cpo_trainer import CPOTrainer


def make_log_probs(B=6, n=4):
    torch.manual_seed(B)
    return [-40 + 5 * torch.randn(B, dtype=torch.float64) for _ in range(n)]


@pytest.mark.parametrize(("beta", "gamma"), [(2.0, 1.0), (2.5, 0.0), (10.0, 3.0)])
def test_simpo_and_its_gradients_match_trl(solution, beta, gamma):
    chosen, rejected = (x.requires_grad_() for x in make_log_probs(n=2))
    lengths = torch.tensor([3, 10, 20, 5, 8, 40]), torch.tensor([7, 10, 4, 30, 9, 21])
    trainer = SimpleNamespace(
        accelerator=SimpleNamespace(device=torch.device("cpu")),
        alpha=0.0,
        beta=beta,
        label_smoothing=0.0,
        loss_type="simpo",
        simpo_gamma=gamma,
    )
    # trl's models give means over tokens for this loss
    losses, *expected_rewards = CPOTrainer.cpo_loss(
        trainer, chosen / lengths[0], rejected / lengths[1]
    )

    loss, *rewards = solution.simpo_loss(chosen, rejected, *lengths, beta=beta, gamma=gamma)

    torch.testing.assert_close(loss, losses.mean())
    torch.testing.assert_close(rewards, expected_rewards)
    torch.testing.assert_close(
        torch.autograd.grad(loss, (chosen, rejected)),
        torch.autograd.grad(losses.mean(), (chosen, rejected)),
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


@pytest.mark.parametrize("tau", [0.1, 0.5, 2.0])
def test_ipo_and_its_gradients_match_trl_on_responses_of_one_token(solution, tau):
    """trl divides log-probabilities by lengths: with one token each it is the paper's loss."""
    log_probs = make_log_probs()
    policy = torch.cat(log_probs[:2])[:, None].requires_grad_()
    reference = torch.cat(log_probs[2:])[:, None]
    scorer = Scorer(policy)
    trainer = SimpleNamespace(
        model=scorer,
        ref_model=Scorer(reference),
        accelerator=SimpleNamespace(
            device=torch.device("cpu"), gather=lambda x: x, gather_for_metrics=lambda x: x
        ),
        args=SimpleNamespace(gradient_checkpointing_kwargs=None, gradient_checkpointing=False),
        aux_loss_enabled=False,
        beta=tau,
        f_divergence_type="reverse_kl",
        ld_alpha=None,
        loss_types=["ipo"],
        loss_weights=[1.0],
        precompute_ref_logps=True,
        use_weighting=False,
        _metrics={"train": defaultdict(list)},
        _total_train_tokens=0,
        _tp_size=1,
    )
    completion_mask = torch.tensor([[0, 1]]).expand(12, 2)
    ref_chosen, ref_rejected = reference.sum(dim=1).chunk(2)
    inputs = {
        "input_ids": torch.zeros_like(completion_mask),
        "attention_mask": torch.ones_like(completion_mask),
        "completion_mask": completion_mask,
        "ref_chosen_logps": ref_chosen,
        "ref_rejected_logps": ref_rejected,
    }
    expected = DPOTrainer._compute_loss(trainer, scorer, inputs, False)

    loss = solution.ipo_loss(*policy[:, 0].chunk(2), ref_chosen, ref_rejected, tau=tau)

    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(
        torch.autograd.grad(loss, policy), torch.autograd.grad(expected, policy)
    )


def test_the_best_margin_of_ipo_is_finite(solution):
    h = torch.tensor([5.0], dtype=torch.float64, requires_grad=True)
    zero = torch.zeros(1, dtype=torch.float64)

    loss = solution.ipo_loss(h, zero, zero, zero, tau=0.1)

    assert loss.item() == 0
    assert torch.autograd.grad(loss, h)[0].item() == 0
