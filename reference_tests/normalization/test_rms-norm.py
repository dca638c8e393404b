"""Values are compared in float64, where only logic, not rounding, can differ."""

import pytest
import torch
from torch.nn.functional import rms_norm

from grader.testing import assert_close, assert_same_gradients

HALVES = [
    pytest.param(torch.bfloat16, id="bfloat16"),
    pytest.param(torch.float16, id="float16"),
]


def make_inputs(*shape, dtype=torch.float64):
    # a mean well off 0 and a scale well off 1, so that neither is left alone by accident
    x = 3 * torch.randn(shape, dtype=torch.float64) + 2
    weight = torch.randn(shape[-1], dtype=torch.float64)
    return x.to(dtype), weight.to(dtype)


def expect(x, weight, eps=1e-6):
    return rms_norm(x, x.shape[-1:], weight, eps)


@pytest.mark.parametrize(
    "shape",
    [
        pytest.param((7,), id="one-vector"),
        pytest.param((5, 8), id="rows"),
        pytest.param((2, 3, 5), id="sequences"),
        pytest.param((2, 1, 4, 6), id="heads"),
        pytest.param((64, 1), id="width-1"),
    ],
)
def test_matches_torch(attempt, shape):
    x, weight = make_inputs(*shape)
    expected = expect(x, weight)

    assert_close(attempt.rms_norm(x, weight), expected)


def test_accepts_a_transposed_x(attempt):
    x, weight = make_inputs(2, 4, 3, 6)
    x = x.transpose(1, 2)
    expected = expect(x, weight)

    assert_close(attempt.rms_norm(x, weight), expected)


def test_eps_is_added_inside_the_root(attempt):
    x = torch.tensor([[3.0, 4.0], [6.0, 8.0]], dtype=torch.float64)
    weight = torch.tensor([2.0, 0.5], dtype=torch.float64)
    # mean squares 12.5 and 50: with eps, roots 5 and sqrt(62.5)
    expected = torch.stack([x[0] / 5, x[1] / 62.5**0.5]) * weight

    assert_close(attempt.rms_norm(x, weight, eps=12.5), expected)


def test_eps_is_1e_6_unless_given(attempt):
    x, weight = make_inputs(4, 8)
    x = x * 1e-3  # mean squares of about 1e-5, to which eps adds a tenth
    expected = expect(x, weight, 1e-6)

    assert_close(attempt.rms_norm(x, weight), expected)


def test_a_vector_of_zeros_gives_zeros(attempt):
    x, weight = make_inputs(3, 8)
    x[1] = 0
    expected = expect(x, weight)

    assert_close(attempt.rms_norm(x, weight), expected)


@pytest.mark.parametrize("shape", [(0, 8), (2, 0, 8)], ids=["no-rows", "no-tokens"])
def test_an_empty_x_gives_an_empty_result(attempt, shape):
    x, weight = make_inputs(*shape)

    assert_close(attempt.rms_norm(x, weight), x.clone())


def test_gradients_match_torch(attempt):
    x, weight = make_inputs(2, 3, 8)

    assert_same_gradients(attempt.rms_norm, expect, x, weight, names=("x", "weight"), eps=0.5)


def test_the_gradient_of_a_vector_of_zeros_is_finite(attempt):
    x, weight = make_inputs(3, 8)
    x[1] = 0

    assert_same_gradients(attempt.rms_norm, expect, x, weight, names=("x", "weight"), eps=0.01)


@pytest.mark.parametrize("dtype", [*HALVES, pytest.param(torch.float32, id="float32")])
def test_returns_the_dtype_of_x(attempt, dtype):
    x, weight = make_inputs(2, 3, 8, dtype=dtype)
    expected = expect(x.double(), weight.double()).to(dtype)

    assert_close(attempt.rms_norm(x, weight), expected)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64], ids=["bfloat16", "float64"])
def test_the_dtype_of_the_weight_does_not_change_that_of_the_result(attempt, dtype):
    x, weight = make_inputs(2, 3, 8)
    x, weight = x.float(), weight.to(dtype)
    expected = expect(x.double(), weight.double()).float()

    assert_close(attempt.rms_norm(x, weight), expected)


def test_float64_is_computed_in_float64(attempt):
    x, weight = make_inputs(2, 3, 8)
    weight = weight.float()
    expected = expect(x, weight.double())

    assert_close(
        attempt.rms_norm(x, weight), expected, rtol=1e-12, atol=1e-12, why="float64 has 16 digits"
    )


def check_rounded_once(attempt, x, weight):
    # one rounding errs by half a step between neighbours, two by up to a whole one
    half_a_step = {torch.bfloat16: 2**-8, torch.float16: 2**-11}[x.dtype]
    exact = expect(x.double(), weight.double())
    result = attempt.rms_norm(x, weight)

    assert_close(result, exact.to(x.dtype))
    assert_close(
        result.double(),
        exact,
        rtol=half_a_step * 1.01,
        atol=3.1e-8,
        why="half a step between neighbouring values: one rounding from float32",
    )


@pytest.mark.parametrize("dtype", HALVES)
def test_half_precision_is_rounded_once(attempt, dtype):
    check_rounded_once(attempt, *make_inputs(64, 64, dtype=dtype))


@pytest.mark.parametrize("dtype", HALVES)
def test_a_float32_weight_keeps_its_digits_and_leaves_the_dtype(attempt, dtype):
    x, weight = make_inputs(64, 64)

    check_rounded_once(attempt, x.to(dtype), weight.float())


def test_float16_squares_do_not_overflow(attempt):
    x, weight = make_inputs(4, 32)
    x = (torch.where(x < 0, -1.0, 1.0) * (300 + 1000 * torch.rand_like(x))).half()
    weight = weight.half()
    expected = expect(x.double(), weight.double()).half()

    assert_close(attempt.rms_norm(x, weight), expected)


def test_float16_squares_do_not_vanish(attempt):
    x, weight = make_inputs(4, 32)
    x = (torch.where(x < 0, -1.0, 1.0) * (1e-4 + 1e-4 * torch.rand_like(x))).half()
    weight = weight.half()
    expected = expect(x.double(), weight.double(), 1e-9).half()

    assert_close(attempt.rms_norm(x, weight, eps=1e-9), expected)


def bench(attempt, size, device):
    """Size is the number of vectors, each of width 1,024, in bfloat16."""
    x, weight = (x.to(device) for x in make_inputs(size, 1024, dtype=torch.bfloat16))
    return lambda: attempt.rms_norm(x, weight)


bench.sizes = (16, 128, 1024)
