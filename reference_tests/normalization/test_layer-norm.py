"""Values are compared in float64, where only logic, not rounding, can differ."""

import pytest
import torch
from torch.nn import functional

from grader.testing import assert_close, assert_equal, assert_same_gradients

NAMES = ("x", "weight", "bias")
HALVES = [
    pytest.param(torch.bfloat16, id="bfloat16"),
    pytest.param(torch.float16, id="float16"),
]


def make_inputs(*shape, dtype=torch.float64):
    # means well off 0 and variances well off 1, different in each vector
    spread = 0.5 + 2 * torch.rand(*shape[:-1], 1, dtype=torch.float64)
    x = spread * (torch.randn(shape, dtype=torch.float64) + 2)
    weight, bias = 2 * torch.randn(2, shape[-1], dtype=torch.float64)
    return x.to(dtype), weight.to(dtype), bias.to(dtype)


def expect(x, weight, bias, eps=1e-5):
    return functional.layer_norm(x, x.shape[-1:], weight, bias, eps)


def expect_exactly(*inputs, **options):
    return expect(*(tensor.double() for tensor in inputs), **options)


@pytest.mark.parametrize(
    "shape",
    [
        pytest.param((7,), id="one-vector"),
        pytest.param((5, 8), id="rows"),
        pytest.param((4, 4), id="as-many-rows-as-features"),
        pytest.param((2, 3, 5), id="sequences"),
        pytest.param((2, 1, 4, 6), id="heads"),
        pytest.param((3, 1), id="width-1"),
    ],
)
def test_matches_torch(attempt, shape):
    inputs = make_inputs(*shape)
    expected = expect(*inputs)

    assert_close(attempt.layer_norm(*inputs), expected)


def test_matches_a_case_worked_out_by_hand(attempt):
    # mean 2 and variance 1, so with eps 3 the root is 2
    x = torch.tensor([[1.0, 3.0, 1.0, 3.0]], dtype=torch.float64)
    weight = torch.tensor([1.0, 2.0, 3.0, 4.0], dtype=torch.float64)
    bias = torch.tensor([0.0, 0.0, 10.0, 10.0], dtype=torch.float64)
    expected = torch.tensor([[-0.5, 1.0, 8.5, 12.0]], dtype=torch.float64)

    assert_close(attempt.layer_norm(x, weight, bias, eps=3.0), expected)


def test_each_vector_is_normalised_by_itself(attempt):
    x, weight, bias = make_inputs(3, 4, 6)
    expected = expect(x[1, 2], weight, bias)

    assert_close(attempt.layer_norm(x, weight, bias)[1, 2], expected, label="the vector's result")


def test_accepts_a_transposed_x(attempt):
    x, weight, bias = make_inputs(2, 4, 3, 6)
    x = x.transpose(1, 2)
    expected = expect(x, weight, bias)

    assert_close(attempt.layer_norm(x, weight, bias), expected)


def test_eps_is_added_inside_the_root(attempt):
    inputs = make_inputs(3, 8)
    expected = expect(*inputs, eps=0.7)

    assert_close(attempt.layer_norm(*inputs, eps=0.7), expected)


def test_eps_is_1e_5_unless_given(attempt):
    x, weight, bias = make_inputs(3, 8)
    x = 1e-3 * x  # variances of about 1e-6, next to which eps is large
    expected = expect(x, weight, bias, eps=1e-5)

    assert_close(attempt.layer_norm(x, weight, bias), expected)


def test_a_constant_vector_gives_the_bias(attempt):
    x, weight, bias = make_inputs(3, 8)
    x[1] = 2.0
    expected = expect(x, weight, bias)

    assert_close(attempt.layer_norm(x, weight, bias), expected)


@pytest.mark.parametrize("shape", [(0, 8), (2, 0, 8)], ids=["no-rows", "no-tokens"])
def test_an_empty_x_gives_an_empty_result(attempt, shape):
    x, weight, bias = make_inputs(*shape)

    assert_close(attempt.layer_norm(x, weight, bias), x.clone())


def test_gradients_match_torch(attempt):
    inputs = make_inputs(2, 3, 8)

    assert_same_gradients(attempt.layer_norm, expect, *inputs, names=NAMES, eps=0.5)


def test_the_gradient_of_a_constant_vector_is_finite(attempt):
    x, weight, bias = make_inputs(3, 8)
    x[1] = 2.0

    assert_same_gradients(attempt.layer_norm, expect, x, weight, bias, names=NAMES, eps=0.01)


def test_float32_keeps_its_digits_far_from_zero(attempt):
    x = 1000 + torch.randn(64, 64)
    weight, bias = torch.ones(64), torch.zeros(64)
    expected = expect_exactly(x, weight, bias).float()

    assert_close(
        attempt.layer_norm(x, weight, bias),
        expected,
        rtol=0.0,
        atol=0.01,
        why="a float32 mean of 1,000 is good to 3 digits after the point",
    )


@pytest.mark.parametrize("dtype", [*HALVES, pytest.param(torch.float32, id="float32")])
def test_returns_the_dtype_of_x(attempt, dtype):
    inputs = make_inputs(2, 3, 8, dtype=dtype)

    assert attempt.layer_norm(*inputs).dtype == dtype


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64], ids=["bfloat16", "float64"])
def test_the_dtype_of_the_weight_does_not_change_that_of_the_result(attempt, dtype):
    x, weight, bias = make_inputs(2, 3, 8)
    x, weight, bias = x.float(), weight.to(dtype), bias.to(dtype)
    expected = expect_exactly(x, weight, bias).float()

    assert_close(
        attempt.layer_norm(x, weight, bias),
        expected,
        rtol=1e-5,
        atol=1e-5,
        why="float32 loses a digit where the mean is subtracted",
    )


def test_float64_is_computed_in_float64(attempt):
    x, weight, bias = make_inputs(2, 3, 8)
    weight, bias = weight.float(), bias.float()
    expected = expect_exactly(x, weight, bias)

    assert_close(
        attempt.layer_norm(x, weight, bias),
        expected,
        rtol=1e-11,
        atol=1e-11,
        why="float64 has 16 digits",
    )


def check_rounded_once(attempt, x, weight, bias):
    # one rounding errs by half a step between neighbours, two by up to a whole one
    half_a_step = {torch.bfloat16: 2**-8, torch.float16: 2**-11}[x.dtype]
    exact = expect_exactly(x, weight, bias)
    result = attempt.layer_norm(x, weight, bias)

    assert_equal(result.dtype, x.dtype, label="the dtype")
    assert_close(
        result.double(),
        exact,
        rtol=half_a_step * 1.01,
        atol=2e-5,
        why="half a step between neighbouring values: one rounding from float32",
    )


@pytest.mark.parametrize("dtype", HALVES)
def test_half_precision_is_rounded_once(attempt, dtype):
    check_rounded_once(attempt, *make_inputs(64, 64, dtype=dtype))


@pytest.mark.parametrize("dtype", HALVES)
def test_a_float32_weight_keeps_its_digits(attempt, dtype):
    x, weight, bias = make_inputs(64, 64)

    check_rounded_once(attempt, x.to(dtype), weight.float(), bias.float())


def test_float16_squares_do_not_overflow(attempt):
    x, weight, bias = make_inputs(4, 32)
    x = (torch.where(x < 2, -1.0, 1.0) * (300 + 1000 * torch.rand_like(x))).half()
    weight, bias = weight.half(), bias.half()
    expected = expect_exactly(x, weight, bias)

    assert_close(
        attempt.layer_norm(x, weight, bias).double(),
        expected,
        rtol=2**-10,
        atol=2e-5,
        why="float16 has 11 significant bits",
    )


def bench(attempt, size, device):
    """Size is the number of vectors, each of width 1,024, in bfloat16."""
    inputs = [x.to(device) for x in make_inputs(size, 1024, dtype=torch.bfloat16)]
    return lambda: attempt.layer_norm(*inputs)


bench.sizes = (16, 128, 1024)
