"""Against trl's GRPOTrainer, which has each of the four under another name, and numpy."""

from collections import defaultdict
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from trl.trainer.grpo_trainer import GRPOTrainer

# trl's loss types; "dapo" takes the counts of the whole batch
NAMES = {
    "token-mean": "bnpo",
    "seq-mean-token-sum": "luspo",
    "seq-mean-token-mean": "grpo",
    "seq-mean-token-sum-norm": "dr_grpo",
}


def make_batch(B=8, T=6):
    torch.manual_seed(B * T)
    loss_mat = torch.randn(B, T).double() + 1
    return loss_mat, torch.arange(T) < torch.randint(1, T + 1, (B, 1))


def trl_loss(loss_mat, loss_mask, loss_type, width=1, processes=1, tokens=None):
    """GRPOTrainer's own loss of tokens whose ratio is 1: minus the advantage of each."""
    model = SimpleNamespace(training=True)
    # its value is 0 and its ratio 1; the gradient comes by way of the advantages
    log_prob = torch.zeros_like(loss_mat)
    trainer = SimpleNamespace(
        model=model,
        accelerator=SimpleNamespace(
            gather=lambda x: x, reduce=lambda x, reduction: x, num_processes=processes
        ),
        args=SimpleNamespace(delta=None, use_bias_correction_kl=False, steps_per_generation=1),
        aux_loss_enabled=False,
        beta=0.0,
        current_gradient_accumulation_steps=1,
        epsilon_high=0.2,
        epsilon_low=0.2,
        importance_sampling_level="token",
        loss_type=loss_type,
        max_completion_length=width,
        off_policy_mask_threshold=None,
        top_entropy_quantile=1.0,
        use_vllm=False,
        vllm_importance_sampling_correction=False,
        _entropy_bonus_enabled=False,
        _get_per_token_logps_and_entropies=lambda *_, **__: (log_prob, log_prob, None),
        _metrics={"train": defaultdict(list)},
    )
    ones = torch.ones_like(loss_mask, dtype=torch.long)
    inputs = {
        "prompt_ids": ones[:, :1],
        "prompt_mask": ones[:, :1],
        "completion_ids": ones,
        "completion_mask": loss_mask.long(),
        "advantages": -loss_mat,
        "num_items_in_batch": torch.tensor(float(tokens or 1)),
    }
    return GRPOTrainer._compute_loss(trainer, model, inputs)


@pytest.mark.parametrize(("B", "T"), [(8, 6), (3, 12), (5, 1)])
@pytest.mark.parametrize("mode", NAMES)
def test_loss_and_gradient_match_trl(solution, mode, B, T):
    loss_mat, loss_mask = make_batch(B, T)
    loss_mat.requires_grad_()
    expected = trl_loss(loss_mat, loss_mask, NAMES[mode], width=T)

    loss = solution.agg_loss(loss_mat, loss_mask, mode)

    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(
        torch.autograd.grad(loss, loss_mat), torch.autograd.grad(expected, loss_mat)
    )


def test_a_constant_width_is_that_of_dr_grpo(solution):
    batch = make_batch()

    loss = solution.agg_loss(*batch, "seq-mean-token-sum-norm", loss_scale_factor=32)

    torch.testing.assert_close(loss, trl_loss(*batch, "dr_grpo", width=32))


@pytest.mark.parametrize(("processes", "tokens"), [(1, 40), (4, 300)])
def test_global_counts_are_those_of_dapo(solution, processes, tokens):
    batch = make_batch()

    loss = solution.agg_loss(*batch, "token-mean", processes, tokens)

    torch.testing.assert_close(loss, trl_loss(*batch, "dapo", processes=processes, tokens=tokens))


@pytest.mark.parametrize("mode", NAMES)
def test_empty_sequences_leave_the_mean_as_in_a_masked_array(solution, mode):
    loss_mat, loss_mask = make_batch(9, 5)
    loss_mask[::4] = False
    masked = np.ma.array(loss_mat.numpy(), mask=~loss_mask.numpy())
    # a masked array's mean leaves out what is masked, whole rows too
    expected = {
        "token-mean": masked.mean(),
        "seq-mean-token-sum": masked.sum(axis=1).mean(),
        "seq-mean-token-mean": masked.mean(axis=1).mean(),
        "seq-mean-token-sum-norm": masked.sum(axis=1).mean() / 5,
    }[mode]

    got = solution.agg_loss(loss_mat, loss_mask, mode)

    assert got.item() == pytest.approx(expected, rel=1e-12)
