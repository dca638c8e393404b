"""Values are compared in float64, where only logic, not rounding, can differ."""

import pytest
import torch

from grader.testing import assert_close, assert_same_gradients

BOTH = pytest.mark.parametrize("name", ["sigmoid", "tanh"])
SHAPES = pytest.mark.parametrize(
    "shape", [(7,), (3, 4, 5), (), (0, 4)], ids=["vector", "three-axes", "scalar", "empty"]
)
SINGLES = pytest.mark.parametrize(
    "dtype", [torch.float32, torch.float64], ids=["float32", "float64"]
)
HALVES = [
    pytest.param(torch.bfloat16, id="bfloat16"),
    pytest.param(torch.float16, id="float16"),
]
LARGE = [1e4, 800.0, 100.0, -100.0, -800.0, -1e4]


def draw(*shape, dtype=torch.float64):
    return (2 * torch.randn(shape, dtype=torch.float64)).to(dtype)


def assert_digits(actual, expected):
    assert_close(
        actual,
        expected,
        rtol=1e-4 if expected.dtype == torch.float32 else 1e-10,
        atol=0.0,
        why="the relative error that the spec allows",
    )


@SHAPES
def test_sigmoid_matches_torch(attempt, shape):
    x = draw(*shape)
    expected = torch.sigmoid(x)

    assert_close(attempt.sigmoid(x), expected)


@SHAPES
def test_tanh_matches_torch(attempt, shape):
    x = draw(*shape)
    expected = torch.tanh(x)

    assert_close(attempt.tanh(x), expected)


def test_sigmoid_matches_a_case_worked_out_by_hand(attempt):
    x = torch.tensor([1.0, 3.0, 1 / 3], dtype=torch.float64).log()
    expected = torch.tensor([1 / 2, 3 / 4, 1 / 4], dtype=torch.float64)

    assert_close(attempt.sigmoid(x), expected)


def test_tanh_matches_a_case_worked_out_by_hand(attempt):
    x = torch.tensor([1.0, 3.0, 1 / 3], dtype=torch.float64).log() / 2
    expected = torch.tensor([0.0, 1 / 2, -1 / 2], dtype=torch.float64)

    assert_close(attempt.tanh(x), expected)


@BOTH
def test_gradients_match_torch(attempt, name):
    assert_same_gradients(getattr(attempt, name), getattr(torch, name), draw(4, 6), names=("x",))


@BOTH
@SINGLES
def test_gradients_at_zero(attempt, name, dtype):
    # both zeros, neighbours on either side, and one farther off
    x = torch.tensor([0.0, -0.0, 1e-3, -1e-3, 0.5], dtype=dtype)

    assert_same_gradients(getattr(attempt, name), getattr(torch, name), x, names=("x",))


@BOTH
@SINGLES
def test_large_numbers_saturate(attempt, name, dtype):
    x = torch.tensor(LARGE, dtype=dtype)
    low = 0.0 if name == "sigmoid" else -1.0
    expected = torch.tensor([1.0, 1.0, 1.0, low, low, low], dtype=dtype)

    assert_close(getattr(attempt, name)(x), expected)


@BOTH
@SINGLES
def test_gradients_of_large_numbers_are_finite(attempt, name, dtype):
    x = torch.tensor(LARGE, dtype=dtype)

    assert_same_gradients(getattr(attempt, name), getattr(torch, name), x, names=("x",))


@SINGLES
def test_sigmoid_keeps_its_digits_in_the_tail(attempt, dtype):
    x = torch.linspace(-80, 80, 65, dtype=dtype)
    expected = torch.sigmoid(x.double()).to(dtype)

    assert_digits(attempt.sigmoid(x), expected)


@SINGLES
def test_tanh_keeps_its_digits_near_zero(attempt, dtype):
    small = torch.logspace(-9, 0, 40, dtype=dtype)
    x = torch.cat([small, -small, torch.linspace(1, 80, 20, dtype=dtype)])
    expected = torch.tanh(x.double()).to(dtype)

    assert_digits(attempt.tanh(x), expected)


@BOTH
def test_float64_is_computed_in_float64(attempt, name):
    x = draw(50)
    expected = getattr(torch, name)(x)

    assert_digits(getattr(attempt, name)(x), expected)


@BOTH
@pytest.mark.parametrize("dtype", HALVES)
def test_half_precision_is_rounded_once(attempt, name, dtype):
    x = draw(16, 64, dtype=dtype)
    expected = getattr(torch, name)(x.double())

    got = getattr(attempt, name)(x)

    assert got.dtype == dtype
    assert_close(
        got.double(),
        expected,
        rtol={torch.bfloat16: 2**-8, torch.float16: 2**-11}[dtype] * 1.01,
        atol=1e-6,
        why="half a step between neighbouring values",
    )


@BOTH
@pytest.mark.parametrize(
    "dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str
)
def test_returns_the_dtype_of_x(attempt, name, dtype):
    assert getattr(attempt, name)(draw(3, 4, dtype=dtype)).dtype == dtype


@BOTH
def test_accepts_transposed_numbers(attempt, name):
    x = draw(4, 5).t()
    expected = getattr(torch, name)(x)

    assert_close(getattr(attempt, name)(x), expected)
