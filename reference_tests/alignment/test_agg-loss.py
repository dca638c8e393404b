"""Values are compared in float64, where only logic, not rounding, can differ."""

import math

import pytest
import torch

from grader.testing import assert_close, assert_follows_device, assert_same_gradients

MODES = ("token-mean", "seq-mean-token-sum", "seq-mean-token-mean", "seq-mean-token-sum-norm")
EVERY_MODE = pytest.mark.parametrize("mode", MODES)


def make_batch(B=6, T=7, dtype=torch.float64):
    """Losses away from 0, and a mask of many lengths, with gaps; no row is empty."""
    loss_mat = 1 + torch.randn(B, T, dtype=dtype)
    loss_mask = torch.arange(T) <= torch.arange(B)[:, None] % T
    loss_mask[2::3, 1:2] = False
    return loss_mat, loss_mask


def scalar(value):
    return torch.tensor(value, dtype=torch.float64)


def row_by_row(loss_mat, loss_mask, mode, scale=None):
    """Sums over Python floats."""
    rows = [
        [x for x, keep in zip(losses, mask, strict=True) if keep]
        for losses, mask in zip(loss_mat.tolist(), loss_mask.tolist(), strict=True)
    ]
    rows = [row for row in rows if row]
    if not rows:
        return scalar(0.0)
    if mode == "token-mean":
        return scalar(math.fsum(map(math.fsum, rows)) / sum(map(len, rows)))
    scale = scale or loss_mat.shape[1]
    divisor = {
        "seq-mean-token-sum": lambda row: 1,
        "seq-mean-token-mean": len,
        "seq-mean-token-sum-norm": lambda row: scale,
    }[mode]
    return scalar(math.fsum(math.fsum(row) / divisor(row) for row in rows) / len(rows))


@EVERY_MODE
@pytest.mark.parametrize(
    "B, T",
    [
        pytest.param(6, 7, id="usual"),
        pytest.param(5, 2, id="more-rows-than-tokens"),
        pytest.param(1, 9, id="one-sequence"),
    ],
)
def test_follows_the_four_sums(attempt, mode, B, T):
    batch = make_batch(B, T)
    expected = row_by_row(*batch, mode)

    assert_close(attempt.agg_loss(*batch, mode), expected)


@pytest.mark.parametrize(
    "mode, expected",
    [
        # 11 / 4, (6 + 5) / 2, (2 + 5) / 2, and (6 + 5) / 2 / 8
        pytest.param("token-mean", 2.75, id="token-mean"),
        pytest.param("seq-mean-token-sum", 5.5, id="seq-mean-token-sum"),
        pytest.param("seq-mean-token-mean", 3.5, id="seq-mean-token-mean"),
        pytest.param("seq-mean-token-sum-norm", 0.6875, id="seq-mean-token-sum-norm"),
    ],
)
def test_matches_a_case_worked_by_hand(attempt, mode, expected):
    loss_mat = torch.full((2, 8), 100.0, dtype=torch.float64)
    loss_mat[0, :3] = scalar([1.0, 2.0, 3.0])
    loss_mat[1, 4] = 5.0

    got = attempt.agg_loss(loss_mat, loss_mat < 100, mode)

    assert_close(got, scalar(expected))


@EVERY_MODE
def test_a_sequence_without_tokens_is_not_counted(attempt, mode):
    loss_mat, loss_mask = make_batch()
    loss_mask[1] = loss_mask[4] = False
    expected = row_by_row(loss_mat, loss_mask, mode)

    assert_close(attempt.agg_loss(loss_mat, loss_mask, mode), expected)


@EVERY_MODE
def test_micro_batches_add_up_to_the_whole_batch(attempt, mode):
    loss_mat, loss_mask = make_batch()
    loss_mask[3] = False
    tokens, sequences = int(loss_mask.sum()), 5
    expected = row_by_row(loss_mat, loss_mask, mode)

    parts = [
        attempt.agg_loss(
            loss_mat[rows],
            loss_mask[rows],
            mode,
            batch_num_tokens=tokens,
            global_batch_size=sequences,
        )
        for rows in (slice(0, 1), slice(1, 4), slice(4, 6))
    ]

    assert_close(sum(parts), expected, label="the sum over micro-batches")


@EVERY_MODE
def test_the_mean_over_processes_is_the_loss_of_the_whole_batch(attempt, mode):
    loss_mat, loss_mask = make_batch()
    counts = {"batch_num_tokens": int(loss_mask.sum()), "global_batch_size": 6}
    expected = row_by_row(loss_mat, loss_mask, mode)

    parts = [
        attempt.agg_loss(loss_mat[rows], loss_mask[rows], mode, dp_size=3, **counts)
        for rows in (slice(0, 1), slice(1, 4), slice(4, 6))
    ]

    assert_close(sum(parts) / 3, expected, label="the mean over processes")


@pytest.mark.parametrize(
    "mode, count",
    [
        ("token-mean", "batch_num_tokens"),
        ("seq-mean-token-sum", "global_batch_size"),
        ("seq-mean-token-mean", "global_batch_size"),
        ("seq-mean-token-sum-norm", "global_batch_size"),
    ],
)
def test_needs_only_the_count_that_it_divides_by(attempt, mode, count):
    loss_mat, loss_mask = make_batch()
    local = int(loss_mask.sum()) if mode == "token-mean" else 6
    expected = row_by_row(loss_mat, loss_mask, mode) * local / 40 * 4

    got = attempt.agg_loss(loss_mat, loss_mask, mode, dp_size=4, **{count: 40})

    assert_close(got, expected)


@EVERY_MODE
def test_the_scale_factor_replaces_the_width(attempt, mode):
    loss_mat, loss_mask = make_batch()
    expected = row_by_row(loss_mat, loss_mask, mode, scale=2.5)

    got = attempt.agg_loss(loss_mat, loss_mask, mode, loss_scale_factor=2.5)

    assert_close(got, expected)


@EVERY_MODE
def test_gradients_are_those_of_the_formula(attempt, reference, mode):
    loss_mat, loss_mask = make_batch()
    loss_mask[3] = False

    assert_same_gradients(
        lambda x: attempt.agg_loss(x, loss_mask, mode, 2, 50, 9, 3.0),
        lambda x: reference.agg_loss(x, loss_mask, mode, 2, 50, 9, 3.0),
        loss_mat,
        names=("loss_mat",),
    )


@EVERY_MODE
def test_padding_changes_neither_loss_nor_gradient(attempt, mode):
    loss_mat, loss_mask = make_batch()
    lengths = loss_mask.sum(dim=1, keepdim=True)
    weight = {
        "token-mean": 1 / lengths.sum(),
        "seq-mean-token-sum": scalar(1 / 6),
        "seq-mean-token-mean": 1 / lengths / 6,
        "seq-mean-token-sum-norm": scalar(1 / 42),
    }[mode]
    expected, slopes = row_by_row(loss_mat, loss_mask, mode), (loss_mask * weight).double()

    for value in (math.nan, math.inf, -math.inf, 1e6):
        leaf = loss_mat.masked_fill(~loss_mask, value).requires_grad_()
        loss = attempt.agg_loss(leaf, loss_mask, mode)
        assert loss.requires_grad, "the loss is cut off from loss_mat: no gradient flows back"
        (gradient,) = torch.autograd.grad(loss, leaf)

        assert_close(loss, expected, label=f"the loss with {value:g} in padding")
        assert_close(gradient, slopes, label=f"the gradient with {value:g} in padding")


def test_without_any_token_loss_and_gradient_are_zero(attempt):
    loss_mat, loss_mask = make_batch()
    nothing = torch.zeros_like(loss_mask)
    loss_mat.requires_grad_()

    for mode in MODES:
        # the counts are those of a batch of which this micro-batch is a part
        for counts in ((), (2, 50, 9)):
            loss = attempt.agg_loss(loss_mat, nothing, mode, *counts)
            assert loss.requires_grad, "the loss is cut off from loss_mat: no gradient flows back"
            (gradient,) = torch.autograd.grad(loss, loss_mat)

            assert_close(loss, scalar(0.0), label=mode)
            zeros = torch.zeros_like(loss_mat)
            assert_close(gradient, zeros, label=f"the gradient of loss_mat, {mode}")


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=["bfloat16", "float16"])
def test_half_precision_is_computed_in_float32(attempt, dtype):
    # 3,000 losses of about 30: a sum beyond float16
    loss_mat = (30 + torch.randn(2, 1500)).to(dtype)
    loss_mask = torch.arange(1500) < torch.tensor([[1500], [1400]])
    expected = {mode: row_by_row(loss_mat, loss_mask, mode).float() for mode in MODES}

    for mode, want in expected.items():
        assert_close(attempt.agg_loss(loss_mat, loss_mask, mode), want, label=mode)


@EVERY_MODE
def test_float32_stays_float32(attempt, mode):
    batch = make_batch(dtype=torch.float32)
    expected = row_by_row(*batch, mode).float()

    assert_close(attempt.agg_loss(*batch, mode), expected)


@EVERY_MODE
def test_float64_is_computed_in_float64(attempt, mode):
    # float32 is spaced 8 apart here; in each row the large numbers cancel
    loss_mat = 1 + torch.rand(2, 2) + 1e8 * scalar([[1.0, -1.0], [-1.0, 1.0]])
    loss_mask = torch.ones(2, 2, dtype=torch.bool)
    expected = row_by_row(loss_mat, loss_mask, mode)

    assert_close(attempt.agg_loss(loss_mat, loss_mask, mode), expected)


def test_the_loss_lies_where_loss_mat_does(attempt):
    for mode in MODES:
        assert_follows_device(attempt.agg_loss, *make_batch(), mode)


@pytest.mark.parametrize("mode", ["", "token-sum", "seq-mean"])
def test_rejects_other_modes(attempt, mode):
    with pytest.raises(ValueError):
        attempt.agg_loss(*make_batch(), mode)


@pytest.mark.parametrize(
    "mode, counts",
    [
        pytest.param("token-mean", {}, id="token-mean"),
        pytest.param("token-mean", {"global_batch_size": 6}, id="token-mean-with-sequences"),
        pytest.param("seq-mean-token-sum", {}, id="seq-mean-token-sum"),
        pytest.param("seq-mean-token-mean", {"batch_num_tokens": 50}, id="seq-mean-with-tokens"),
        pytest.param("seq-mean-token-sum-norm", {"loss_scale_factor": 5.0}, id="norm-with-scale"),
    ],
)
def test_one_of_many_processes_needs_the_global_count(attempt, mode, counts):
    loss_mat, loss_mask = make_batch()

    # with tokens and without any
    for mask in (loss_mask, torch.zeros_like(loss_mask)):
        with pytest.raises(ValueError):
            attempt.agg_loss(loss_mat, mask, mode, dp_size=2, **counts)
