"""Against trl's ORPOTrainer, and odds ratios by scipy."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.special
import torch
from trl.import_utils import TRLExperimentalWarning

with warnings.catch_warnings():
    warnings.simplefilter("ignore", TRLExperimentalWarning)
    from trl.experimental.orpo.orpo_trainer import ORPOTrainer


def make_batch(B=6, T=8):
    torch.manual_seed(B * T)
    chosen, rejected = (-3 * torch.rand(2, B, T, dtype=torch.float64) - 0.05).unbind()
    masks = (torch.arange(T) < torch.randint(1, T + 1, (2, B, 1))).unbind()
    return chosen, rejected, *masks


def means(log_prob, mask):
    return (log_prob * mask).sum(dim=1) / mask.sum(dim=1)


@pytest.mark.parametrize("beta", [0.1, 0.5, 2.0])
def test_loss_and_gradients_match_trl(solution, beta):
    chosen, rejected, *masks = make_batch()
    chosen.requires_grad_()
    rejected.requires_grad_()
    averages = means(chosen, masks[0]), means(rejected, masks[1])
    trainer = SimpleNamespace(accelerator=SimpleNamespace(device=torch.device("cpu")), beta=beta)
    losses, *_, log_odds = ORPOTrainer.odds_ratio_loss(trainer, *averages)
    # get_batch_loss_metrics: the loss of fine-tuning less these; trl works in float32
    expected = -averages[0].mean() - losses.mean()

    loss, sft_loss, ratio = solution.orpo_loss(chosen, rejected, *masks, beta=beta)

    torch.testing.assert_close(loss.float(), expected.float(), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(ratio.mean().float(), log_odds, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(sft_loss, -averages[0].mean())
    torch.testing.assert_close(
        torch.autograd.grad(loss, (chosen, rejected)),
        torch.autograd.grad(expected, (chosen, rejected)),
        rtol=1e-5,
        atol=1e-7,
    )


def test_log_odds_are_scipys_logit(solution):
    chosen, rejected, *masks = make_batch()
    p, q = (np.exp(means(*x).numpy()) for x in ((chosen, masks[0]), (rejected, masks[1])))
    expected = scipy.special.logit(p) - scipy.special.logit(q)

    _, _, ratio = solution.orpo_loss(chosen, rejected, *masks)

    np.testing.assert_allclose(ratio.numpy(), expected, rtol=1e-10)


def test_the_gradient_is_that_of_finite_differences(solution):
    chosen, rejected, *masks = make_batch(3, 4)

    assert torch.autograd.gradcheck(
        lambda c, r: solution.orpo_loss(c, r, *masks, beta=0.7)[0],
        (chosen.requires_grad_(), rejected.requires_grad_()),
    )
