"""Against trl's KTOTrainer itself."""

from collections import defaultdict
from types import SimpleNamespace

import pytest
import torch
from trl.trainer.kto_trainer import KTOTrainer


def make_batch(B=8, drift=2.0):
    torch.manual_seed(B)
    ref, ref_kl = -40 + 5 * torch.randn(2, B, dtype=torch.float64)
    log_prob = ref + 2 + 4 * torch.randn(B, dtype=torch.float64)
    kl_log_prob = ref_kl + drift + torch.randn(B, dtype=torch.float64)
    return log_prob, ref, kl_log_prob, ref_kl, torch.rand(B) < 0.6


def trl_loss(log_prob, ref, kl_log_prob, ref_kl, desirable, beta, good, bad):
    """KTOTrainer's own loss, each response a single token, without a model or a data set."""

    def model(**_):
        zeros = torch.zeros_like(log_prob)[:, None]
        return SimpleNamespace(log_probs=log_prob[:, None], entropy=zeros, mean_logits=zeros)

    metrics = defaultdict(list)
    trainer = SimpleNamespace(
        model=SimpleNamespace(training=True),
        accelerator=SimpleNamespace(
            device=torch.device("cpu"), gather_for_metrics=lambda x: x, gather=lambda x: x
        ),
        aux_loss_enabled=False,
        beta=beta,
        calculate_KL=True,
        desirable_weight=good,
        undesirable_weight=bad,
        loss_type="kto",
        precompute_ref_logps=True,
        _compute_kl_logps=lambda *_: kl_log_prob,
        _metrics={"train": metrics},
        _total_train_tokens=0,
        _tp_size=1,
    )
    mask = torch.tensor([[0, 1]]).expand(len(log_prob), 2)
    inputs = {
        "input_ids": torch.zeros_like(mask),
        "attention_mask": torch.ones_like(mask),
        "completion_mask": mask,
        "label": desirable,
        "ref_logps": ref,
        "ref_KL_logps": ref_kl,
    }
    return KTOTrainer._compute_loss(trainer, model, inputs, False), metrics


@pytest.mark.parametrize("drift", [2.0, -6.0], ids=["usual", "negative-estimate"])
@pytest.mark.parametrize(("beta", "good", "bad"), [(0.1, 1.0, 1.0), (0.5, 1.0, 1.33), (0.2, 3, 1)])
def test_loss_gradient_and_reference_point_match_trl(solution, drift, beta, good, bad):
    log_prob, *rest = make_batch(drift=drift)
    log_prob.requires_grad_()
    expected, metrics = trl_loss(log_prob, *rest, beta, good, bad)

    loss, kl, rewards = solution.kto_loss(
        log_prob, *rest, beta=beta, desirable_weight=good, undesirable_weight=bad
    )

    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(
        torch.autograd.grad(loss, log_prob), torch.autograd.grad(expected, log_prob)
    )
    assert kl.item() == pytest.approx(metrics["kl"][0])
    desirable = rest[-1]
    assert rewards[desirable].mean().item() == pytest.approx(metrics["rewards/chosen"][0])
    assert rewards[~desirable].mean().item() == pytest.approx(metrics["rewards/rejected"][0])


def test_nobody_keeps_its_own_completion(solution):
    for B in range(2, 9):
        completions = [[i] for i in range(B)]
        shifted = solution.mismatched(completions)
        assert sorted(shifted) == completions
        assert all(a != b for a, b in zip(shifted, completions, strict=True))
