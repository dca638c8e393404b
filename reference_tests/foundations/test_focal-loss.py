"""Values are compared in float64, where only logic, not rounding, can differ."""

import math

import pytest
import torch
from torch.nn import functional as F

from grader.testing import assert_close, assert_same_gradients

REDUCTIONS = pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
SHAPES = pytest.mark.parametrize(
    "shape", [(7,), (4, 3), (3, 3), (2, 3, 4), ()], ids=["vector", "rows", "square", "3d", "scalar"]
)
HALVES = pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)


def draw(*shape, dtype=torch.float64):
    """Logits, and targets of which every second one is 1."""
    logits = 3 * torch.randn(shape, dtype=torch.float64)
    targets = torch.zeros(shape, dtype=torch.float64)
    targets.view(-1)[::2] = 1.0
    return logits.to(dtype), targets.to(dtype)


def formula(logits, targets, *, alpha=0.25, gamma=2.0, reduction="mean"):
    """As the paper writes it; right for moderate logits."""
    p = torch.sigmoid(logits)
    p_t = p * targets + (1 - p) * (1 - targets)
    weight = 1.0 if alpha is None else alpha * targets + (1 - alpha) * (1 - targets)
    losses = -weight * (1 - p_t) ** gamma * p_t.log()
    return {"none": losses, "sum": losses.sum(), "mean": losses.mean()}[reduction]


@SHAPES
def test_each_loss_matches_the_formula(attempt, shape):
    logits, targets = draw(*shape)
    expected = formula(logits, targets, reduction="none")

    assert_close(attempt.focal_loss(logits, targets, reduction="none"), expected)


@REDUCTIONS
def test_reductions_add_up_or_average(attempt, reduction):
    logits, targets = draw(5, 3)
    expected = formula(logits, targets, reduction=reduction)

    assert_close(attempt.focal_loss(logits, targets, reduction=reduction), expected)


def test_the_mean_is_the_default(attempt):
    logits, targets = draw(4, 3)
    expected = formula(logits, targets, reduction="mean")

    assert_close(attempt.focal_loss(logits, targets), expected)


def test_matches_a_case_worked_out_by_hand(attempt):
    # probability 3/4
    logits = torch.tensor([math.log(3)] * 2, dtype=torch.float64)
    targets = torch.tensor([1.0, 0.0], dtype=torch.float64)
    expected = torch.tensor(
        [0.1 / 16 * math.log(4 / 3), 0.9 * 9 / 16 * math.log(4)], dtype=torch.float64
    )

    assert_close(attempt.focal_loss(logits, targets, alpha=0.1, reduction="none"), expected)


@pytest.mark.parametrize("gamma", [0.5, 1.0, 3.0, 5.0], ids="gamma={}".format)
def test_gamma_sets_the_focus(attempt, gamma):
    logits, targets = draw(4, 3)
    expected = formula(logits, targets, gamma=gamma, reduction="none")

    assert_close(attempt.focal_loss(logits, targets, gamma=gamma, reduction="none"), expected)


def test_without_focus_and_weights_it_is_torchs_cross_entropy(attempt):
    logits, targets = draw(4, 3)
    expected = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")

    result = attempt.focal_loss(logits, targets, alpha=None, gamma=0.0, reduction="none")

    assert_close(result, expected)


@pytest.mark.parametrize("alpha", [0.1, 0.5, 0.9, 1.0], ids="alpha={}".format)
@REDUCTIONS
def test_alpha_weighs_the_two_classes(attempt, alpha, reduction):
    logits, targets = draw(4, 3)
    expected = formula(logits, targets, alpha=alpha, reduction=reduction)

    result = attempt.focal_loss(logits, targets, alpha=alpha, reduction=reduction)

    assert_close(result, expected)


def test_an_alpha_of_zero_counts(attempt):
    logits, targets = draw(4, 3)
    expected = formula(logits, targets, alpha=0.0, reduction="none")

    assert_close(attempt.focal_loss(logits, targets, alpha=0.0, reduction="none"), expected)


@pytest.mark.parametrize("alpha", [0.3, None], ids=["weighted", "unweighted"])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.5, 2.0], ids="gamma={}".format)
@REDUCTIONS
def test_gradients_match_the_formula(attempt, alpha, gamma, reduction):
    logits, targets = draw(4, 3)
    options = {"alpha": alpha, "gamma": gamma, "reduction": reduction}

    assert_same_gradients(
        lambda logits: attempt.focal_loss(logits, targets, **options),
        lambda logits: formula(logits, targets, **options),
        logits,
        names=("logits",),
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("gamma", [0.5, 2.0], ids="gamma={}".format)
def test_large_logits_cost_as_much_as_they_are_wrong(attempt, dtype, gamma):
    logits = torch.tensor([1e4, -1e4, 1e4, -1e4, 120.0, -120.0], dtype=dtype)
    targets = torch.tensor([1.0, 0.0, 0.0, 1.0, 0.0, 1.0], dtype=dtype)
    expected = torch.tensor([0.0, 0.0, 1e4, 1e4, 120.0, 120.0], dtype=dtype)

    result = attempt.focal_loss(logits, targets, alpha=None, gamma=gamma, reduction="none")

    assert_close(result, expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0], ids="gamma={}".format)
def test_gradients_of_large_logits_are_right(attempt, dtype, gamma):
    logits = torch.tensor([1e4, -1e4, 1e4, -1e4, 200.0, -200.0], dtype=dtype)
    targets = torch.tensor([1.0, 0.0, 0.0, 1.0, 0.0, 1.0], dtype=dtype)
    # those that are right cost nothing, and those that are wrong their margin
    wrong = torch.tensor([0.0, 0.0, 0.7, -0.3, 0.7, -0.3], dtype=dtype)

    assert_same_gradients(
        lambda logits: attempt.focal_loss(
            logits, targets, alpha=0.3, gamma=gamma, reduction="none"
        ),
        lambda logits: wrong * logits,
        logits,
        names=("logits",),
        rtol=2e-3 if dtype == torch.float32 else 1e-6,
        atol=2e-3 if dtype == torch.float32 else 1e-6,
        why="a gradient of 1 may be the difference of two near 10,000",
    )


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0], ids="gamma={}".format)
def test_gradients_of_logits_of_zero(attempt, gamma):
    logits, targets = torch.zeros(4, dtype=torch.float64), draw(4)[1]
    # with p = 1/2: -2^-gamma * (1/2 + gamma/2 * log 2), and its negative
    slope = 2**-gamma * (0.5 + 0.5 * gamma * math.log(2)) * (1 - 2 * targets)
    value = 2**-gamma * math.log(2)

    assert_same_gradients(
        lambda logits: attempt.focal_loss(
            logits, targets, alpha=None, gamma=gamma, reduction="none"
        ),
        lambda logits: slope * logits + value,
        logits,
        names=("logits",),
    )


@pytest.mark.parametrize(
    "dtype", [torch.bool, torch.int64, torch.uint8, torch.float16, torch.float64], ids=str
)
def test_targets_may_have_any_dtype(attempt, dtype):
    logits, targets = draw(4, 3)
    logits = logits.float()
    expected = formula(logits.double(), targets, reduction="none").float()

    result = attempt.focal_loss(logits, targets.to(dtype), reduction="none")

    assert_close(result, expected)


@HALVES
@REDUCTIONS
def test_half_precision_is_computed_and_returned_in_float32(attempt, dtype, reduction):
    logits, targets = draw(8, 20, dtype=dtype)
    expected = formula(logits.double(), targets.double(), reduction=reduction).float()

    assert_close(attempt.focal_loss(logits, targets, reduction=reduction), expected)


def test_float64_is_computed_in_float64(attempt):
    logits, targets = draw(4, 3)
    expected = formula(logits, targets, alpha=0.3)

    assert_close(
        attempt.focal_loss(logits, targets, alpha=0.3),
        expected,
        rtol=1e-11,
        atol=1e-12,
        why="float64 has 16 digits",
    )


@REDUCTIONS
def test_an_empty_batch_gives_zero_or_nothing(attempt, reduction):
    logits = torch.zeros(0, 3, requires_grad=True)
    expected = torch.zeros((0, 3) if reduction == "none" else ())

    loss = attempt.focal_loss(logits, torch.zeros(0, 3), reduction=reduction)

    assert_close(loss, expected)
    loss.sum().backward()


def test_the_mean_of_one_loss_is_that_loss(attempt):
    logits, targets = draw(1, 1)
    expected = formula(logits, targets)

    assert_close(attempt.focal_loss(logits, targets), expected)


def test_accepts_transposed_logits(attempt):
    logits, targets = draw(3, 4)
    expected = formula(logits.t(), targets.t(), reduction="none")

    assert_close(attempt.focal_loss(logits.t(), targets.t(), reduction="none"), expected)


@pytest.mark.parametrize("shape", [(3,), (1, 3), (4, 1), (3, 4), (1, 4, 3)], ids=str)
def test_rejects_targets_of_another_shape(attempt, shape):
    with pytest.raises(ValueError):
        attempt.focal_loss(draw(4, 3)[0], draw(*shape)[1])


def test_rejects_targets_that_broadcast_to_a_matrix(attempt):
    with pytest.raises(ValueError):
        attempt.focal_loss(draw(4, 1)[0], draw(4)[1])


@pytest.mark.parametrize("target", [0.3, -1.0, 2.0], ids="target={}".format)
def test_rejects_targets_other_than_0_and_1(attempt, target):
    logits, targets = draw(4, 3)
    targets[1, 2] = target

    with pytest.raises(ValueError):
        attempt.focal_loss(logits, targets)
    if target == int(target):
        with pytest.raises(ValueError):
            attempt.focal_loss(logits, targets.long())


def test_rejects_an_unknown_reduction(attempt):
    with pytest.raises(ValueError):
        attempt.focal_loss(*draw(4, 3), reduction="average")
