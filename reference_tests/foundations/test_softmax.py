"""Values are compared in float64, where only logic, not rounding, can differ."""

import math

import pytest
import torch
from torch.nn import functional

from grader.testing import assert_close, assert_same_gradients

INF = math.inf
AXES = pytest.mark.parametrize(
    "shape, dim",
    [
        pytest.param((5,), 0, id="vector"),
        pytest.param((4, 7), -1, id="rows"),
        pytest.param((4, 7), 0, id="columns"),
        pytest.param((4, 4), 0, id="columns-of-a-square"),
        pytest.param((2, 3, 5), 1, id="middle-axis"),
        pytest.param((2, 3, 4, 5), -3, id="counted-from-the-last"),
        pytest.param((3, 1), 1, id="one-number"),
    ],
)
BOTH = pytest.mark.parametrize("name", ["softmax", "log_softmax"])
HALVES = [
    pytest.param(torch.bfloat16, id="bfloat16"),
    pytest.param(torch.float16, id="float16"),
]


def draw(*shape, dtype=torch.float64):
    return (3 * torch.randn(shape, dtype=torch.float64) + 2).to(dtype)


@AXES
def test_softmax_matches_torch(attempt, shape, dim):
    x = draw(*shape)
    expected = torch.softmax(x, dim)

    assert_close(attempt.softmax(x, dim), expected)


@AXES
def test_log_softmax_matches_torch(attempt, shape, dim):
    x = draw(*shape)
    expected = torch.log_softmax(x, dim)

    assert_close(attempt.log_softmax(x, dim), expected)


def test_softmax_matches_a_case_worked_out_by_hand(attempt):
    x = torch.tensor([1.0, 2.0, 5.0], dtype=torch.float64).log() + 7
    expected = torch.tensor([1 / 8, 2 / 8, 5 / 8], dtype=torch.float64)

    assert_close(attempt.softmax(x), expected)


def test_log_softmax_matches_a_case_worked_out_by_hand(attempt):
    x = torch.tensor([1.0, 2.0, 5.0], dtype=torch.float64).log() + 7
    expected = -torch.tensor([8.0, 4.0, 1.6], dtype=torch.float64).log()

    assert_close(attempt.log_softmax(x), expected)


@BOTH
def test_the_last_axis_is_the_default(attempt, name):
    x = draw(2, 4, 4)
    expected = getattr(functional, name)(x, -1)

    assert_close(getattr(attempt, name)(x), expected)


@BOTH
def test_dim_can_be_given_by_name(attempt, name):
    x = draw(4, 4)
    expected = getattr(functional, name)(x, 0)

    assert_close(getattr(attempt, name)(x, dim=0), expected)


@BOTH
def test_accepts_transposed_numbers(attempt, name):
    x = draw(2, 5, 4).transpose(1, 2)
    expected = getattr(functional, name)(x, 1)

    assert_close(getattr(attempt, name)(x, 1), expected)


@BOTH
@AXES
def test_gradients_match_torch(attempt, name, shape, dim):
    actual, expected = getattr(attempt, name), getattr(functional, name)

    assert_same_gradients(
        lambda x: actual(x, dim), lambda x: expected(x, dim), draw(*shape), names=("x",)
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
def test_softmax_of_large_numbers_is_exact(attempt, dtype):
    x = torch.tensor([[1e4, 1e4, -1e4], [-1e4, -2e4, -1e4], [0.0, 0.0, 1e4]], dtype=dtype)
    expected = torch.tensor([[0.5, 0.5, 0.0], [0.5, 0.0, 0.5], [0.0, 0.0, 1.0]], dtype=dtype)

    assert_close(attempt.softmax(x), expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
def test_log_softmax_of_a_tiny_probability_is_finite(attempt, dtype):
    x = torch.tensor([[1e4, 0.0, -1e4], [0.0, -1e4, -1e4]], dtype=dtype)
    expected = torch.tensor([[0.0, -1e4, -2e4], [0.0, -1e4, -1e4]], dtype=dtype)

    assert_close(attempt.log_softmax(x), expected)


@BOTH
def test_gradients_of_large_numbers_are_finite(attempt, name):
    assert_same_gradients(
        getattr(attempt, name), getattr(functional, name), 3e3 * draw(4, 6), names=("x",), dim=-1
    )


@BOTH
@pytest.mark.parametrize("dim", [0, 1, 2])
def test_each_slice_is_shifted_by_its_own_maximum(attempt, name, dim):
    # neighbouring slices lie 2,000 apart along each of the other axes
    steps = [2e3 * torch.arange(n, dtype=torch.float64) for n in (3, 4, 5)]
    steps[dim] = torch.zeros_like(steps[dim])
    x = draw(3, 4, 5) + steps[0][:, None, None] + steps[1][:, None] + steps[2]
    expected = getattr(functional, name)(x, dim)

    assert_close(getattr(attempt, name)(x, dim), expected)


@BOTH
@pytest.mark.parametrize("masked", [0, 3, 5], ids=["first", "middle", "last"])
def test_a_number_of_minus_infinity_has_no_probability(attempt, name, masked):
    x = draw(4, 6)
    x[:, masked] = -INF
    expected = getattr(functional, name)(x, -1)

    assert_close(getattr(attempt, name)(x), expected)


@BOTH
def test_the_gradient_of_minus_infinity_is_zero(attempt, name):
    x = draw(4, 6)
    x[:, 0] = -INF

    # of log-probabilities only those that are finite go on
    assert_same_gradients(
        lambda x: getattr(attempt, name)(x)[:, 1:],
        lambda x: getattr(functional, name)(x, -1)[:, 1:],
        x,
        names=("x",),
    )


def test_probabilities_add_up_to_one(attempt):
    x = draw(5, 9)

    sums = attempt.softmax(x).sum(dim=-1)

    assert_close(
        sums,
        torch.ones(5, dtype=torch.float64),
        rtol=1e-12,
        atol=1e-12,
        why="float64 has 16 digits",
        label="the sum of the probabilities",
    )


@BOTH
def test_float64_is_computed_in_float64(attempt, name):
    x = draw(5, 9)
    expected = getattr(functional, name)(x, -1)

    assert_close(
        getattr(attempt, name)(x),
        expected,
        rtol=1e-12,
        atol=1e-12,
        why="float64 has 16 digits",
    )


@BOTH
@pytest.mark.parametrize(
    "dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str
)
def test_returns_the_dtype_of_x(attempt, name, dtype):
    x = draw(3, 4, dtype=dtype)

    assert getattr(attempt, name)(x).dtype == dtype


@BOTH
@pytest.mark.parametrize("dtype", HALVES)
def test_half_precision_is_rounded_once(attempt, name, dtype):
    x = draw(16, 64, dtype=dtype)
    expected = getattr(functional, name)(x.double(), -1)

    got = getattr(attempt, name)(x)

    assert got.dtype == dtype
    # the smallest normal float16 is 6e-5; below it, neighbours are 6e-8 apart
    assert_close(
        got.double(),
        expected,
        rtol={torch.bfloat16: 2**-8, torch.float16: 2**-11}[dtype] * 1.01,
        atol=2e-6,
        why="half a step between neighbouring values, and float32 sums",
    )


@pytest.mark.parametrize("dtype", HALVES)
def test_a_long_sum_does_not_overflow_half_precision(attempt, dtype):
    x = torch.zeros(2, 70_000, dtype=dtype)
    expected = torch.full((2, 70_000), -math.log(70_000)).to(dtype)

    assert_close(attempt.log_softmax(x), expected)


@BOTH
@pytest.mark.parametrize("shape, dim", [((0, 5), 1), ((2, 0, 3), -1)], ids=["no-rows", "no-tokens"])
def test_no_slices_give_an_empty_result(attempt, name, shape, dim):
    x = torch.zeros(shape)

    assert tuple(getattr(attempt, name)(x, dim).shape) == shape


@BOTH
def test_a_second_call_gives_the_same(attempt, name):
    x = draw(3, 5)
    first = getattr(attempt, name)(x, 0)

    assert_close(getattr(attempt, name)(x, 0), first)


@BOTH
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
def test_minus_infinity_is_below_every_finite_number(attempt, name, dtype):
    x = torch.tensor([[-1e4, -INF, -2e4], [-INF, -1e30, -INF], [-1e9, -1e9, -INF]], dtype=dtype)
    expected = getattr(functional, name)(x, -1)

    assert_close(getattr(attempt, name)(x), expected)


def bench(attempt, size, device):
    """Size is the vocabulary: 64 rows in float32, along the last axis."""
    x = draw(64, size, dtype=torch.float32).to(device)
    return lambda: attempt.softmax(x)


bench.sizes = (500, 4000, 32000)
