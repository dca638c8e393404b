"""Values are compared in float64, where only logic, not rounding, can differ."""

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
    return [(2 * torch.randn(shape, dtype=torch.float64) + 1).to(dtype) for _ in range(2)]


def slope(pred, target, reduction):
    """By torch's autograd."""
    leaf = pred.detach().clone().requires_grad_()
    return torch.autograd.grad(F.mse_loss(leaf, target, reduction=reduction).sum(), leaf)[0]


@SHAPES
def test_each_loss_matches_torch(attempt, shape):
    pred, target = draw(*shape)
    expected = F.mse_loss(pred, target, reduction="none")

    assert_close(attempt.mse_loss(pred, target, reduction="none"), expected)


@SHAPES
@REDUCTIONS
def test_reductions_match_torch(attempt, shape, reduction):
    pred, target = draw(*shape)
    expected = F.mse_loss(pred, target, reduction=reduction)

    assert_close(attempt.mse_loss(pred, target, reduction=reduction), expected)


@SHAPES
@REDUCTIONS
def test_the_gradient_matches_autograd(attempt, shape, reduction):
    pred, target = draw(*shape)
    expected = slope(pred, target, reduction)

    assert_close(attempt.mse_gradient(pred, target, reduction=reduction), expected)


def test_the_mean_is_the_default(attempt):
    pred, target = draw(4, 3)
    expected = F.mse_loss(pred, target), slope(pred, target, "mean")

    assert_close(attempt.mse_loss(pred, target), expected[0], label="the loss")
    assert_close(attempt.mse_gradient(pred, target), expected[1], label="the gradient")


def test_matches_a_case_worked_out_by_hand(attempt):
    pred = torch.tensor([[1.0, 4.0], [0.0, -3.0]], dtype=torch.float64)
    target = torch.tensor([[2.0, 1.0], [0.5, -3.0]], dtype=torch.float64)
    # differences -1, 3, -1/2 and 0
    loss = torch.tensor(10.25 / 4, dtype=torch.float64)
    gradient = torch.tensor([[-0.5, 1.5], [-0.25, 0.0]], dtype=torch.float64)

    assert_close(attempt.mse_loss(pred, target), loss, label="the loss")
    assert_close(attempt.mse_gradient(pred, target), gradient, label="the gradient")


@REDUCTIONS
def test_gradients_flow_to_both(attempt, reduction):
    pred, target = draw(4, 3)

    assert_same_gradients(
        lambda pred, target: attempt.mse_loss(pred, target, reduction=reduction),
        lambda pred, target: F.mse_loss(pred, target, reduction=reduction),
        pred,
        target,
        names=("pred", "target"),
    )


def test_large_numbers_keep_their_digits(attempt):
    target = 1000 + torch.rand(50)
    pred = target + 1 + torch.rand(50)
    expected = (pred.double() - target.double()).square().float()

    assert_close(
        attempt.mse_loss(pred, target, reduction="none"),
        expected,
        rtol=1e-5,
        atol=0.0,
        why="the difference is exact to 7 digits or nearly so",
    )


@HALVES
@REDUCTIONS
def test_half_precision_is_computed_in_float32(attempt, dtype, reduction):
    pred, target = draw(8, 20, dtype=dtype)
    # the square of 300 is beyond float16
    pred[0, 0], target[0, 0] = 150.0, -150.0
    expected = F.mse_loss(pred.double(), target.double(), reduction=reduction).float()

    assert_close(attempt.mse_loss(pred, target, reduction=reduction), expected)


@HALVES
def test_a_gradient_in_half_precision_is_rounded_once(attempt, dtype):
    pred, target = draw(3, 7, dtype=dtype)
    exact = slope(pred.double(), target.double(), "mean")

    result = attempt.mse_gradient(pred, target)

    assert result.dtype == dtype
    assert_close(
        result.double(),
        exact,
        rtol={torch.bfloat16: 2**-8, torch.float16: 2**-11}[dtype] * 1.01,
        atol=1e-7,
        why="half a step between neighbouring values",
    )


@pytest.mark.parametrize("first", [True, False], ids=["pred", "target"])
def test_one_float64_input_makes_the_loss_float64(attempt, first):
    pred, target = draw(4, 5)
    pred, target = (pred, target.float()) if first else (pred.float(), target)
    expected = F.mse_loss(pred.double(), target.double())
    gradient = slope(pred.double(), target.double(), "mean").to(pred.dtype)

    assert_close(attempt.mse_loss(pred, target), expected, label="the loss")
    assert_close(attempt.mse_gradient(pred, target), gradient, label="the gradient")


def test_float64_is_computed_in_float64(attempt):
    pred, target = draw(4, 5)
    expected = F.mse_loss(pred, target, reduction="none")

    assert_close(
        attempt.mse_loss(pred, target, reduction="none"),
        expected,
        rtol=1e-12,
        atol=1e-15,
        why="float64 has 16 digits",
    )


@REDUCTIONS
def test_an_empty_batch_gives_zero_or_nothing(attempt, reduction):
    pred = torch.zeros(0, 3, requires_grad=True)
    expected = torch.zeros((0, 3) if reduction == "none" else ())

    loss = attempt.mse_loss(pred, torch.zeros(0, 3), reduction=reduction)

    assert_close(loss, expected)
    loss.sum().backward()


@REDUCTIONS
def test_an_empty_batch_has_an_empty_gradient(attempt, reduction):
    nothing = torch.zeros(0, 3)

    assert tuple(attempt.mse_gradient(nothing, nothing, reduction=reduction).shape) == (0, 3)


@REDUCTIONS
def test_the_gradient_needs_no_autograd(attempt, reduction):
    pred, target = draw(4, 3)
    expected = slope(pred, target, reduction)

    with torch.inference_mode():
        result = attempt.mse_gradient(pred, target, reduction=reduction)

    assert_close(result, expected)


def test_accepts_transposed_numbers(attempt):
    pred, target = draw(4, 5)
    pred, target = pred.t(), target.reshape(5, 4)
    expected = F.mse_loss(pred, target), slope(pred, target, "mean")

    assert_close(attempt.mse_loss(pred, target), expected[0], label="the loss")
    assert_close(attempt.mse_gradient(pred, target), expected[1], label="the gradient")


@pytest.mark.parametrize("first", [True, False], ids=["pred", "target"])
def test_the_digits_of_a_float64_input_count(attempt, first):
    near = 1 + torch.rand(4, 5)
    far = near.double() + 1e-9 * (1 + torch.rand(4, 5, dtype=torch.float64))
    pred, target = (far, near) if first else (near, far)
    expected = F.mse_loss(pred.double(), target.double())
    gradient = slope(pred.double(), target.double(), "mean").to(pred.dtype)
    tolerance = {"rtol": 1e-5, "atol": 0.0, "why": "in float32 the differences vanish"}

    assert_close(attempt.mse_loss(pred, target), expected, **tolerance, label="the loss")
    assert_close(attempt.mse_gradient(pred, target), gradient, **tolerance, label="the gradient")


@pytest.mark.parametrize("name", ["mse_loss", "mse_gradient"])
@pytest.mark.parametrize("shape", [(4,), (1, 3), (4, 1), (3, 4), (1, 4, 3), ()], ids=str)
def test_rejects_targets_of_another_shape(attempt, name, shape):
    with pytest.raises(ValueError):
        getattr(attempt, name)(draw(4, 3)[0], draw(*shape)[1])


@pytest.mark.parametrize("name", ["mse_loss", "mse_gradient"])
def test_rejects_targets_that_broadcast_to_a_matrix(attempt, name):
    with pytest.raises(ValueError):
        getattr(attempt, name)(draw(4, 1)[0], draw(4)[1])


@pytest.mark.parametrize("name", ["mse_loss", "mse_gradient"])
def test_rejects_an_unknown_reduction(attempt, name):
    with pytest.raises(ValueError):
        getattr(attempt, name)(*draw(4, 3), reduction="average")
