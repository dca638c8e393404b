"""Values are compared in float64, where only logic, not rounding, can differ."""

import math

import pytest
import torch
from torch.nn import functional

from grader.testing import assert_close, assert_same_gradients

REDUCTIONS = pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
SHAPES = [
    pytest.param((7, 5), id="rows"),
    pytest.param((2, 5, 3), id="sequences"),
    pytest.param((2, 4, 4), id="as-many-tokens-as-classes"),
    pytest.param((2, 5, 3, 4), id="images"),
]
HALVES = [
    pytest.param(torch.bfloat16, id="bfloat16"),
    pytest.param(torch.float16, id="float16"),
]


def make_inputs(*shape, ignore_index=-100, dtype=torch.float64):
    """Logits and targets; every second target is ignored."""
    logits = 3 * torch.randn(shape, dtype=torch.float64)
    targets = torch.randint(shape[1], (shape[0], *shape[2:]))
    targets[targets == ignore_index] = shape[1] - 1
    targets.view(-1)[1::2] = ignore_index
    return logits.to(dtype), targets


def assert_gradients(attempt, logits, targets, **options):
    """Loss and gradient are torch's."""

    def loss_by(function):
        return lambda logits: function(logits, targets, **options)

    actual, expected = loss_by(attempt.cross_entropy), loss_by(functional.cross_entropy)
    assert_same_gradients(actual, expected, logits, names=("logits",))


@pytest.mark.parametrize("shape", SHAPES)
def test_each_loss_matches_torch(attempt, shape):
    logits, targets = make_inputs(*shape)
    expected = functional.cross_entropy(logits, targets, reduction="none")

    assert_close(attempt.cross_entropy(logits, targets, reduction="none"), expected)


def test_the_only_class_costs_nothing(attempt):
    logits, targets = make_inputs(4, 1)

    losses = attempt.cross_entropy(logits, targets, reduction="none")

    assert_close(losses, torch.zeros(4, dtype=torch.float64))


@REDUCTIONS
def test_reductions_match_torch(attempt, reduction):
    logits, targets = make_inputs(2, 5, 3)
    expected = functional.cross_entropy(logits, targets, reduction=reduction)

    assert_close(attempt.cross_entropy(logits, targets, reduction=reduction), expected)


@REDUCTIONS
def test_label_smoothing_matches_torch(attempt, reduction):
    logits, targets = make_inputs(2, 5, 3)
    options = {"label_smoothing": 0.3, "reduction": reduction}
    expected = functional.cross_entropy(logits, targets, **options)

    assert_close(attempt.cross_entropy(logits, targets, **options), expected)


def test_accepts_transposed_logits_and_sliced_targets(attempt):
    logits, targets = make_inputs(2, 5, 4)
    logits = logits.transpose(1, 2).contiguous().transpose(1, 2)[:, :, :-1]  # (2, 5, 3)
    targets = targets[:, 1:]
    expected = functional.cross_entropy(logits, targets)

    assert_close(attempt.cross_entropy(logits, targets), expected)


def test_the_mean_is_the_default(attempt):
    logits, targets = make_inputs(7, 5)
    expected = functional.cross_entropy(logits, targets, reduction="mean")

    assert_close(attempt.cross_entropy(logits, targets), expected)


def test_matches_a_case_worked_out_by_hand(attempt):
    # probabilities 1/8, 2/8 and 5/8
    logits = torch.tensor([[1.0, 2.0, 5.0]], dtype=torch.float64).log() + 7
    target = torch.tensor([1])
    expected = torch.tensor(math.log(4), dtype=torch.float64)

    assert_close(attempt.cross_entropy(logits, target), expected)


def test_smoothing_spreads_over_all_classes_and_the_target_too(attempt):
    logits = torch.tensor([[1.0, 2.0, 5.0]], dtype=torch.float64).log() + 7
    target = torch.tensor([1])
    losses = math.log(8), math.log(4), math.log(8 / 5)
    expected = torch.tensor(0.7 * losses[1] + 0.3 * sum(losses) / 3, dtype=torch.float64)

    assert_close(attempt.cross_entropy(logits, target, label_smoothing=0.3), expected)


def test_full_smoothing_forgets_the_target(attempt):
    logits, targets = make_inputs(6, 5)
    expected = functional.cross_entropy(logits, targets, label_smoothing=1.0)

    assert_close(attempt.cross_entropy(logits, targets, label_smoothing=1.0), expected)


@pytest.mark.parametrize("label_smoothing", [0.0, 0.2], ids=["hard", "smoothed"])
def test_ignored_targets_do_not_count_in_the_mean(attempt, label_smoothing):
    logits, targets = make_inputs(6, 5)
    kept = targets != -100
    expected = functional.cross_entropy(
        logits[kept], targets[kept], label_smoothing=label_smoothing
    )

    assert_close(attempt.cross_entropy(logits, targets, label_smoothing=label_smoothing), expected)


@pytest.mark.parametrize("label_smoothing", [0.0, 0.2], ids=["hard", "smoothed"])
def test_ignored_targets_have_no_loss(attempt, label_smoothing):
    logits, targets = make_inputs(6, 5)
    options = {"label_smoothing": label_smoothing, "reduction": "none"}
    expected = functional.cross_entropy(logits, targets, **options)
    expected[targets == -100] = 0

    assert_close(attempt.cross_entropy(logits, targets, **options), expected)


@pytest.mark.parametrize("ignore_index", [0, 2, -1, 50], ids=["0", "2", "minus-1", "50"])
def test_any_index_can_be_ignored(attempt, ignore_index):
    logits, targets = make_inputs(2, 5, 4, ignore_index=ignore_index)
    options = {"ignore_index": ignore_index, "label_smoothing": 0.1}
    expected = functional.cross_entropy(logits, targets, **options)

    assert_close(attempt.cross_entropy(logits, targets, **options), expected)


@REDUCTIONS
def test_all_targets_ignored_gives_zero(attempt, reduction):
    logits, targets = make_inputs(3, 5)
    targets[:] = -100
    expected = torch.zeros(3 if reduction == "none" else (), dtype=torch.float64)

    for label_smoothing in (0.0, 0.2):
        loss = attempt.cross_entropy(
            logits, targets, label_smoothing=label_smoothing, reduction=reduction
        )
        assert_close(loss, expected)


def test_all_targets_ignored_gives_gradients_of_zero(attempt):
    logits, targets = make_inputs(3, 5)
    targets[:] = -100

    def expected(logits):
        return 0 * logits.sum()

    def loss(logits):
        return attempt.cross_entropy(logits, targets, label_smoothing=0.1)

    assert_same_gradients(loss, expected, logits, names=("logits",))


@REDUCTIONS
def test_an_empty_batch_gives_zero_or_nothing(attempt, reduction):
    logits, targets = torch.randn(0, 5), torch.zeros(0, dtype=torch.int64)
    expected = torch.zeros(0 if reduction == "none" else ())

    assert_close(attempt.cross_entropy(logits, targets, reduction=reduction), expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
def test_large_logits_give_a_finite_loss(attempt, dtype):
    logits = torch.tensor([[1e4, 0.0, -1e4], [-1e4, -1e4, -2e4]], dtype=dtype).repeat(2, 1)
    targets = torch.tensor([0, 0, 2, 2])
    # row by row: no other class near, one equal class, and losses as large as the gaps
    expected = torch.tensor([0.0, math.log(2), 2e4, 1e4 + math.log(2)], dtype=dtype)

    # log-sum-exp less logit rounds more than log-probabilities do, and is as right
    assert_close(
        attempt.cross_entropy(logits, targets, reduction="none"),
        expected,
        rtol=1e-6,
        atol=2e-3,
        why="float32 numbers near 10,000 are 1/1024 apart",
    )


def test_large_logits_give_finite_gradients(attempt):
    logits = 1e4 * torch.randn(4, 5, dtype=torch.float64)
    targets = torch.tensor([0, 4, 2, 1])

    assert_gradients(attempt, logits, targets)


def test_a_logit_of_minus_infinity_has_no_probability(attempt):
    logits, targets = make_inputs(6, 5)
    targets[targets == -100] = 2
    masked = torch.cat([torch.full((6, 1), -math.inf), logits], dim=1)
    expected = functional.cross_entropy(logits, targets)

    # class 0 is the masked one
    assert_close(attempt.cross_entropy(masked, targets + 1), expected)


@pytest.mark.parametrize("masked", [0, 3, 6], ids=["first-class", "middle-class", "last-class"])
def test_an_ignored_target_adds_nothing_where_a_logit_is_minus_infinity(attempt, masked):
    logits, targets = make_inputs(6, 7)
    targets[0] = -100
    targets[targets == masked] = 1
    logits[:, masked] = -math.inf
    expected = functional.cross_entropy(logits, targets)

    assert_close(attempt.cross_entropy(logits, targets), expected)


def test_the_gradient_of_a_logit_of_minus_infinity_is_zero(attempt):
    logits, targets = make_inputs(6, 5)
    logits[:, 0] = -math.inf
    targets[targets == 0] = 1

    assert_gradients(attempt, logits, targets)


@REDUCTIONS
def test_gradients_match_torch(attempt, reduction):
    logits, targets = make_inputs(2, 5, 3)

    for label_smoothing in (0.0, 0.3):
        assert_gradients(
            attempt, logits, targets, label_smoothing=label_smoothing, reduction=reduction
        )


@pytest.mark.parametrize("dtype", HALVES)
def test_half_precision_is_computed_and_returned_in_float32(attempt, dtype):
    logits, targets = make_inputs(8, 50, dtype=dtype)

    for reduction in ("none", "sum", "mean"):
        options = {"label_smoothing": 0.1, "reduction": reduction}
        expected = functional.cross_entropy(logits.double(), targets, **options).float()
        assert_close(attempt.cross_entropy(logits, targets, **options), expected)


def test_float64_is_computed_in_float64(attempt):
    logits, targets = make_inputs(6, 5)
    expected = functional.cross_entropy(logits, targets, label_smoothing=0.1)

    assert_close(
        attempt.cross_entropy(logits, targets, label_smoothing=0.1),
        expected,
        rtol=1e-12,
        atol=1e-12,
        why="float64 has 16 digits",
    )


def test_float32_logits_give_a_float32_loss(attempt):
    logits, targets = make_inputs(6, 5, dtype=torch.float32)
    expected = functional.cross_entropy(logits.double(), targets).float()

    assert_close(attempt.cross_entropy(logits, targets), expected)


@pytest.mark.parametrize("rows", [3, 0], ids=["all-ignored", "no-rows"])
def test_backward_from_a_mean_of_nothing_gives_zeros(attempt, rows):
    logits = torch.randn(rows, 5, dtype=torch.float64)
    logits[:, 0] = -math.inf
    logits.requires_grad_()
    targets = torch.full((rows,), -100)

    loss = attempt.cross_entropy(logits, targets)
    loss.backward()

    assert_close(loss, torch.zeros((), dtype=torch.float64))
    assert_close(logits.grad, torch.zeros(rows, 5, dtype=torch.float64), label="the gradient")


def test_a_target_without_probability_costs_infinity(attempt):
    logits, targets = make_inputs(6, 5)
    logits[:, 0] = -math.inf
    targets[2] = 0
    expected = functional.cross_entropy(logits, targets, reduction="none")

    assert_close(attempt.cross_entropy(logits, targets, reduction="none"), expected)


def test_minus_infinity_in_an_ignored_row_adds_nothing_with_label_smoothing(attempt):
    logits, targets = make_inputs(6, 5)
    expected = functional.cross_entropy(logits, targets, label_smoothing=0.1)
    logits[targets == -100, 3] = -math.inf

    assert_close(attempt.cross_entropy(logits, targets, label_smoothing=0.1), expected)


@pytest.mark.parametrize("target", [5, 1000, -1, -5], ids=["V", "1000", "minus-1", "minus-V"])
def test_rejects_a_target_out_of_range(attempt, target):
    logits, targets = make_inputs(6, 5)
    targets[2] = target

    with pytest.raises(ValueError):
        attempt.cross_entropy(logits, targets)


def test_minus_100_is_out_of_range_unless_it_is_ignored(attempt):
    logits, targets = make_inputs(6, 5)

    with pytest.raises(ValueError):
        attempt.cross_entropy(logits, targets, ignore_index=-1)


def test_rejects_an_unknown_reduction(attempt):
    logits, targets = make_inputs(6, 5)

    with pytest.raises(ValueError):
        attempt.cross_entropy(logits, targets, reduction="average")


def bench(attempt, size, device):
    """Size is the vocabulary: 64 tokens in float32, the loss and its gradient."""
    logits, targets = (x.to(device) for x in make_inputs(64, size, dtype=torch.float32))
    logits.requires_grad_()
    return lambda: torch.autograd.grad(attempt.cross_entropy(logits, targets), logits)


bench.sizes = (500, 4000, 32000)
