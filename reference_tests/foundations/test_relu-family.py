"""Values are compared in float64, where only logic, not rounding, can differ."""

import pytest
import torch
from torch.nn import functional as F

from grader.testing import assert_close, assert_same_gradients

NAMES = ("relu", "leaky_relu", "elu")
ALL = pytest.mark.parametrize("name", NAMES)
SHAPES = pytest.mark.parametrize(
    "shape", [(7,), (3, 4, 5), (), (0, 4)], ids=["vector", "three-axes", "scalar", "empty"]
)
SINGLES = pytest.mark.parametrize(
    "dtype", [torch.float32, torch.float64], ids=["float32", "float64"]
)
HALVES = pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
LARGE = [1e4, 800.0, 100.0, -100.0, -800.0, -1e4]


def draw(*shape, dtype=torch.float64):
    numbers = 2 * torch.randn(shape, dtype=torch.float64)
    # a single one is negative, where the functions differ from x
    return (numbers if shape else -numbers.abs()).to(dtype)


def options(name, number=0.3):
    """What a function takes beside x, other than its default."""
    return {"relu": {}, "leaky_relu": {"slope": number}, "elu": {"alpha": number}}[name]


def by_torch(name, x, **given):
    renamed = {"negative_slope" if key == "slope" else key: n for key, n in given.items()}
    return getattr(F, name)(x, **renamed)


def backward_by_torch(name, grad, x, **given):
    leaf = x.detach().clone().requires_grad_()
    return torch.autograd.grad(by_torch(name, leaf, **given), leaf, grad)[0]


def forward(attempt, name, x, **given):
    return getattr(attempt, name)(x, **given)


def backward(attempt, name, grad, x, **given):
    return getattr(attempt, f"{name}_backward")(grad, x, **given)


def check_forward(attempt, name, x, **given):
    expected = by_torch(name, x, **given)
    assert_close(forward(attempt, name, x, **given), expected)


def check_backward(attempt, name, grad, x, **given):
    expected = backward_by_torch(name, grad, x, **given)
    assert_close(backward(attempt, name, grad, x, **given), expected)


@SHAPES
def test_relu_matches_torch(attempt, shape):
    check_forward(attempt, "relu", draw(*shape))


@SHAPES
def test_leaky_relu_matches_torch(attempt, shape):
    check_forward(attempt, "leaky_relu", draw(*shape), slope=0.3)


@SHAPES
def test_elu_matches_torch(attempt, shape):
    check_forward(attempt, "elu", draw(*shape), alpha=0.3)


@SHAPES
def test_relu_backward_matches_torch(attempt, shape):
    check_backward(attempt, "relu", draw(*shape), draw(*shape))


@SHAPES
def test_leaky_relu_backward_matches_torch(attempt, shape):
    check_backward(attempt, "leaky_relu", draw(*shape), draw(*shape), slope=0.3)


@SHAPES
def test_elu_backward_matches_torch(attempt, shape):
    check_backward(attempt, "elu", draw(*shape), draw(*shape), alpha=0.3)


@ALL
def test_defaults_are_those_of_torch(attempt, name):
    grad, x = draw(5, 20), draw(5, 20)
    expected = by_torch(name, x), backward_by_torch(name, grad, x)

    assert_close(forward(attempt, name, x), expected[0], label="the result")
    assert_close(backward(attempt, name, grad, x), expected[1], label="the gradient")


@pytest.mark.parametrize("name", ["leaky_relu", "elu"])
@pytest.mark.parametrize("number", [2.5, -0.7, 0.0], ids=["above-1", "negative", "zero"])
def test_a_slope_may_be_any_number(attempt, name, number):
    grad, x, given = draw(5, 20), draw(5, 20), options(name, number)

    check_forward(attempt, name, x, **given)
    check_backward(attempt, name, grad, x, **given)


def test_matches_a_case_worked_out_by_hand(attempt):
    x = torch.tensor([3.0, 0.0, -2.0], dtype=torch.float64)
    half = torch.tensor([3.0, 0.0, -0.6931471805599453], dtype=torch.float64)
    expected = (
        torch.tensor([3.0, 0.0, 0.0], dtype=torch.float64),
        torch.tensor([3.0, 0.0, -0.5], dtype=torch.float64),
        # exp(-log 2) - 1 is -1/2
        torch.tensor([3.0, 0.0, -2.0], dtype=torch.float64),
    )

    assert_close(attempt.relu(x), expected[0], label="relu")
    assert_close(attempt.leaky_relu(x, slope=0.25), expected[1], label="leaky_relu")
    assert_close(attempt.elu(half, alpha=4.0), expected[2], label="elu")


@ALL
def test_gradients_match_torch(attempt, name):
    given = options(name)

    assert_same_gradients(
        lambda x: forward(attempt, name, x, **given),
        lambda x: by_torch(name, x, **given),
        draw(4, 6),
        names=("x",),
    )


@ALL
@SINGLES
def test_gradients_at_zero_take_the_left_side(attempt, name, dtype):
    # both zeros, neighbours on either side, and one farther off
    x = torch.tensor([0.0, -0.0, 1e-3, -1e-3, -0.5], dtype=dtype)
    given = options(name)

    assert_same_gradients(
        lambda x: forward(attempt, name, x, **given),
        lambda x: by_torch(name, x, **given),
        x,
        names=("x",),
    )


@ALL
def test_backward_at_zero_takes_the_left_side(attempt, name):
    x = torch.tensor([0.0, -0.0, 1.0], dtype=torch.float64)
    grad = torch.tensor([2.0, -3.0, 5.0], dtype=torch.float64)
    left = {"relu": 0.0, "leaky_relu": 0.3, "elu": 0.3}[name]
    expected = torch.tensor([2 * left, -3 * left, 5.0], dtype=torch.float64)

    assert_close(backward(attempt, name, grad, x, **options(name)), expected)


@ALL
@SINGLES
def test_large_numbers_stay_finite(attempt, name, dtype):
    check_forward(attempt, name, torch.tensor(LARGE, dtype=dtype), **options(name))


@ALL
@SINGLES
def test_gradients_of_large_numbers_are_finite(attempt, name, dtype):
    given = options(name)

    assert_same_gradients(
        lambda x: forward(attempt, name, x, **given),
        lambda x: by_torch(name, x, **given),
        torch.tensor(LARGE, dtype=dtype),
        names=("x",),
    )


@ALL
@SINGLES
def test_backward_of_large_numbers_is_finite(attempt, name, dtype):
    x = torch.tensor(LARGE, dtype=dtype)

    check_backward(attempt, name, 1 + torch.rand(6, dtype=dtype), x, **options(name))


@SINGLES
def test_elu_keeps_its_digits_near_zero(attempt, dtype):
    small = torch.logspace(-9, 1, 40, dtype=dtype)
    x = torch.cat([small, -small])
    expected = torch.where(x > 0, x.double(), 0.3 * torch.expm1(x.double())).to(dtype)

    assert_close(
        attempt.elu(x, alpha=0.3),
        expected,
        rtol=1e-4 if dtype == torch.float32 else 1e-10,
        atol=0.0,
        why="the relative error that the spec allows",
    )


@ALL
@HALVES
def test_half_precision_is_rounded_once(attempt, name, dtype):
    given = options(name)
    grad, x = draw(16, 64, dtype=dtype), draw(16, 64, dtype=dtype)
    want = by_torch(name, x.double(), **given)
    want_back = backward_by_torch(name, grad.double(), x.double(), **given)
    tolerance = {
        "rtol": {torch.bfloat16: 2**-8, torch.float16: 2**-11}[dtype] * 1.01,
        "atol": 1e-6,
        "why": "half a step between neighbouring values",
    }

    result = forward(attempt, name, x, **given)
    back = backward(attempt, name, grad, x, **given)

    assert result.dtype == dtype
    assert back.dtype == dtype
    assert_close(result.double(), want, **tolerance, label="the result")
    assert_close(back.double(), want_back, **tolerance, label="the gradient")


@ALL
def test_float64_is_computed_in_float64(attempt, name):
    grad, x, given = draw(50), draw(50), options(name)
    expected = by_torch(name, x, **given), backward_by_torch(name, grad, x, **given)
    tolerance = {"rtol": 1e-10, "atol": 1e-15, "why": "float64 has 16 digits"}

    assert_close(forward(attempt, name, x, **given), expected[0], **tolerance, label="the result")
    assert_close(
        backward(attempt, name, grad, x, **given), expected[1], **tolerance, label="the gradient"
    )


@ALL
@pytest.mark.parametrize(
    "dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str
)
def test_returns_the_dtype_of_x(attempt, name, dtype):
    grad, x = draw(3, 4, dtype=dtype), draw(3, 4, dtype=dtype)

    assert forward(attempt, name, x).dtype == dtype
    assert backward(attempt, name, grad, x).dtype == dtype


@ALL
def test_the_backward_pass_needs_no_autograd(attempt, name):
    grad, x, given = draw(5, 20), draw(5, 20), options(name)
    expected = backward_by_torch(name, grad, x, **given)

    with torch.inference_mode():
        result = backward(attempt, name, grad, x, **given)

    assert_close(result, expected)


@ALL
def test_accepts_transposed_numbers(attempt, name):
    grad, x = draw(5, 4), draw(4, 5).t()

    check_forward(attempt, name, x, **options(name))
    check_backward(attempt, name, grad, x, **options(name))
