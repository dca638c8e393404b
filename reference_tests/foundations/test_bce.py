"""Values are compared in float64, where only logic, not rounding, can differ."""

import math

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits as torch_bce

from grader.testing import assert_close, assert_same_gradients

REDUCTIONS = pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
SHAPES = pytest.mark.parametrize(
    "shape", [(7,), (4, 3), (3, 3), (2, 3, 4), ()], ids=["vector", "rows", "square", "3d", "scalar"]
)
HALVES = [
    pytest.param(torch.bfloat16, id="bfloat16"),
    pytest.param(torch.float16, id="float16"),
]


def draw(*shape, dtype=torch.float64):
    """Logits, and targets of which some are 0, some 1 and some between."""
    logits = 3 * torch.randn(shape, dtype=torch.float64)
    targets = (2 * torch.rand(shape, dtype=torch.float64) - 0.5).clamp(0, 1)
    return logits.to(dtype), targets.to(dtype)


def weights(*shape):
    return 0.2 + 3 * torch.rand(shape, dtype=torch.float64)


def assert_gradients(attempt, logits, targets, **options):
    assert_same_gradients(
        lambda logits: attempt.bce_with_logits(logits, targets, **options),
        lambda logits: torch_bce(logits, targets, **options),
        logits,
        names=("logits",),
    )


@SHAPES
def test_each_loss_matches_torch(attempt, shape):
    logits, targets = draw(*shape)
    expected = torch_bce(logits, targets, reduction="none")

    assert_close(attempt.bce_with_logits(logits, targets, reduction="none"), expected)


@REDUCTIONS
def test_reductions_match_torch(attempt, reduction):
    logits, targets = draw(4, 3)
    expected = torch_bce(logits, targets, reduction=reduction)

    assert_close(attempt.bce_with_logits(logits, targets, reduction=reduction), expected)


def test_the_mean_is_the_default(attempt):
    logits, targets = draw(4, 3)
    expected = torch_bce(logits, targets, reduction="mean")

    assert_close(attempt.bce_with_logits(logits, targets), expected)


def test_matches_a_case_worked_out_by_hand(attempt):
    # probabilities 3/4 and 1/2
    logits = torch.tensor([3.0, 1.0], dtype=torch.float64).log()
    targets = torch.tensor([0.0, 1.0], dtype=torch.float64)
    expected = torch.tensor([math.log(4), math.log(2)], dtype=torch.float64)

    assert_close(attempt.bce_with_logits(logits, targets, reduction="none"), expected)


def test_soft_targets_count(attempt):
    # probability 3/4
    logits = torch.tensor([math.log(3)] * 2, dtype=torch.float64)
    targets = torch.tensor([0.3, 0.8], dtype=torch.float64)
    yes, no = math.log(4 / 3), math.log(4)
    expected = torch.tensor([0.3 * yes + 0.7 * no, 0.8 * yes + 0.2 * no], dtype=torch.float64)

    assert_close(attempt.bce_with_logits(logits, targets, reduction="none"), expected)


@pytest.mark.parametrize("shape", [(3,), (4, 1), (4, 3), ()], ids=["row", "column", "full", "one"])
@REDUCTIONS
def test_pos_weight_scales_the_term_of_y_alone(attempt, shape, reduction):
    logits, targets = draw(4, 3)
    options = {"pos_weight": weights(*shape), "reduction": reduction}
    expected = torch_bce(logits, targets, **options)

    assert_close(attempt.bce_with_logits(logits, targets, **options), expected)


@pytest.mark.parametrize("shape", [(3,), (4, 1), (4, 3), ()], ids=["row", "column", "full", "one"])
def test_weight_scales_each_loss(attempt, shape):
    logits, targets = draw(4, 3)
    options = {"weight": weights(*shape), "reduction": "none"}
    expected = torch_bce(logits, targets, **options)

    assert_close(attempt.bce_with_logits(logits, targets, **options), expected)


@REDUCTIONS
def test_both_weights_together_match_torch(attempt, reduction):
    logits, targets = draw(4, 3)
    options = {"weight": weights(4, 1), "pos_weight": weights(3), "reduction": reduction}
    expected = torch_bce(logits, targets, **options)

    assert_close(attempt.bce_with_logits(logits, targets, **options), expected)


def test_the_mean_divides_by_the_number_of_losses(attempt):
    logits, targets = torch.zeros(4, dtype=torch.float64), torch.ones(4, dtype=torch.float64)
    weight = torch.tensor([3.0, 1.0, 0.0, 4.0], dtype=torch.float64)
    expected = torch.tensor(2 * math.log(2), dtype=torch.float64)

    assert_close(attempt.bce_with_logits(logits, targets, weight=weight), expected)


def test_the_mean_of_one_loss_is_that_loss(attempt):
    logits, targets = draw(1, 1)
    expected = torch_bce(logits, targets)

    assert_close(attempt.bce_with_logits(logits, targets), expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
def test_large_logits_cost_as_much_as_they_are_wrong(attempt, dtype):
    logits = torch.tensor([1e4, -1e4, 1e4, -1e4, 120.0, -120.0], dtype=dtype)
    targets = torch.tensor([1.0, 0.0, 0.0, 1.0, 0.0, 1.0], dtype=dtype)
    expected = torch.tensor([0.0, 0.0, 1e4, 1e4, 120.0, 120.0], dtype=dtype)

    assert_close(attempt.bce_with_logits(logits, targets, reduction="none"), expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
def test_gradients_of_large_logits_are_right(attempt, dtype):
    logits = torch.tensor([1e4, -1e4, 1e4, -1e4, 200.0, -200.0], dtype=dtype)
    targets = torch.tensor([1.0, 0.0, 0.0, 1.0, 0.3, 0.3], dtype=dtype)

    assert_gradients(attempt, logits, targets, reduction="none")


def test_gradients_of_logits_of_zero(attempt):
    logits = torch.zeros(5, dtype=torch.float64)
    targets = torch.tensor([0.0, 1.0, 0.5, 0.2, 0.9], dtype=torch.float64)

    # sigmoid(0) - y
    assert_same_gradients(
        lambda logits: attempt.bce_with_logits(logits, targets, reduction="sum"),
        lambda logits: ((0.5 - targets) * logits).sum() + 5 * math.log(2),
        logits,
        names=("logits",),
    )


@REDUCTIONS
def test_gradients_match_torch(attempt, reduction):
    logits, targets = draw(4, 3)

    assert_gradients(attempt, logits, targets, reduction=reduction)
    options = {"weight": weights(4, 1), "pos_weight": weights(3)}
    assert_gradients(attempt, logits, targets, reduction=reduction, **options)


@pytest.mark.parametrize("dtype", HALVES)
def test_half_precision_is_computed_and_returned_in_float32(attempt, dtype):
    logits, targets = draw(8, 20, dtype=dtype)
    options = {"pos_weight": weights(20).to(dtype)}
    exact = {"pos_weight": options["pos_weight"].double()}

    for reduction in ("none", "sum", "mean"):
        expected = torch_bce(logits.double(), targets.double(), reduction=reduction, **exact)
        got = attempt.bce_with_logits(logits, targets, reduction=reduction, **options)
        assert_close(got, expected.float())


def test_float64_is_computed_in_float64(attempt):
    logits, targets = draw(4, 3)
    expected = torch_bce(logits, targets)

    assert_close(
        attempt.bce_with_logits(logits, targets),
        expected,
        rtol=1e-12,
        atol=1e-12,
        why="float64 has 16 digits",
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
def test_the_dtype_of_the_logits_decides(attempt, dtype):
    logits, targets = draw(4, 3)
    other = torch.float64 if dtype == torch.float32 else torch.float32

    options = {"weight": weights(3).to(other), "pos_weight": weights(4, 1).to(other)}

    assert attempt.bce_with_logits(logits.to(dtype), targets.to(other)).dtype == dtype
    assert attempt.bce_with_logits(logits.to(dtype), targets.to(other), **options).dtype == dtype


@REDUCTIONS
def test_an_empty_batch_gives_zero_or_nothing(attempt, reduction):
    logits = torch.zeros(0, 3, requires_grad=True)
    expected = torch.zeros((0, 3) if reduction == "none" else ())

    loss = attempt.bce_with_logits(logits, torch.zeros(0, 3), reduction=reduction)

    assert_close(loss, expected)
    loss.sum().backward()


def test_accepts_transposed_logits(attempt):
    logits, targets = draw(3, 4)
    expected = torch_bce(logits.t(), targets.t(), reduction="none")

    assert_close(attempt.bce_with_logits(logits.t(), targets.t(), reduction="none"), expected)


@pytest.mark.parametrize(
    "dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64], ids=str
)
def test_targets_and_weights_keep_their_digits(attempt, dtype):
    logits, targets = draw(8, 20)
    logits = logits.to(dtype)
    options = {"weight": weights(8, 1), "pos_weight": weights(20), "reduction": "none"}
    expected = torch_bce(logits.double(), targets, **options)
    exact = {"rtol": 1e-11, "atol": 1e-12, "why": "float64 has 16 digits"}
    wide = dtype == torch.float64

    result = attempt.bce_with_logits(logits, targets, **options)

    assert_close(result, expected if wide else expected.float(), **(exact if wide else {}))


@pytest.mark.parametrize("shape", [(4,), (1, 3), (4, 1), (3, 4), (1, 4, 3)], ids=str)
def test_rejects_targets_of_another_shape(attempt, shape):
    with pytest.raises(ValueError):
        attempt.bce_with_logits(draw(4, 3)[0], draw(*shape)[1])


def test_rejects_targets_that_broadcast_to_a_matrix(attempt):
    with pytest.raises(ValueError):
        attempt.bce_with_logits(draw(4, 1)[0], draw(4)[1])


def test_rejects_an_unknown_reduction(attempt):
    with pytest.raises(ValueError):
        attempt.bce_with_logits(*draw(4, 3), reduction="average")
