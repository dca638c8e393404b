"""Against trl's GRPOTrainer, which has each of the four under another name, and numpy."""

import numpy as np
import pytest
import torch

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


@pytest.fixture
def trl_agg(trl_loss):
    """trl's loss of tokens whose ratio is 1: minus the advantage of each."""

    def aggregate(loss_mat, loss_mask, loss_type, **counts):
        log_prob = torch.zeros_like(loss_mat)
        return trl_loss(log_prob, log_prob, -loss_mat, loss_mask, loss_type=loss_type, **counts)

    return aggregate


@pytest.mark.parametrize(("B", "T"), [(8, 6), (3, 12), (5, 1)])
@pytest.mark.parametrize("mode", NAMES)
def test_loss_and_gradient_match_trl(solution, trl_agg, mode, B, T):
    loss_mat, loss_mask = make_batch(B, T)
    loss_mat.requires_grad_()
    expected = trl_agg(loss_mat, loss_mask, NAMES[mode], width=T)

    loss = solution.agg_loss(loss_mat, loss_mask, mode)

    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(
        torch.autograd.grad(loss, loss_mat), torch.autograd.grad(expected, loss_mat)
    )


def test_a_constant_width_is_that_of_dr_grpo(solution, trl_agg):
    batch = make_batch()

    loss = solution.agg_loss(*batch, "seq-mean-token-sum-norm", loss_scale_factor=32)

    torch.testing.assert_close(loss, trl_agg(*batch, "dr_grpo", width=32))


@pytest.mark.parametrize(("processes", "tokens"), [(1, 40), (4, 300)])
def test_global_counts_are_those_of_dapo(solution, trl_agg, processes, tokens):
    batch = make_batch()

    loss = solution.agg_loss(*batch, "token-mean", processes, tokens)

    torch.testing.assert_close(loss, trl_agg(*batch, "dapo", processes=processes, tokens=tokens))


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
