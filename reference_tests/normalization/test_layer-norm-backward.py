"""Values are compared in float64, where only logic, not rounding, can differ."""

import pytest
import torch
from torch.nn.functional import layer_norm

from grader.testing import assert_close

NAMES = ("grad_x", "grad_weight", "grad_bias")
HALVES = [
    pytest.param(torch.bfloat16, id="bfloat16"),
    pytest.param(torch.float16, id="float16"),
]
SHAPES = [
    pytest.param((7,), id="one-vector"),
    pytest.param((5, 8), id="rows"),
    pytest.param((2, 3, 5), id="sequences"),
    pytest.param((2, 1, 4, 6), id="heads"),
]


def make_inputs(*shape, dtype=torch.float64):
    # means well off 0 and variances well off 1, different in each vector
    spread = 0.5 + 2 * torch.rand(*shape[:-1], 1, dtype=torch.float64)
    x = spread * (torch.randn(shape, dtype=torch.float64) + 2)
    grad_out = torch.randn(shape, dtype=torch.float64) + 0.5
    weight = 2 * torch.randn(shape[-1], dtype=torch.float64)
    return grad_out.to(dtype), x.to(dtype), weight.to(dtype)


def expect(grad_out, x, weight, eps=1e-5):
    """torch's autograd through torch's layer_norm, in float64."""
    grad_out, x, weight = (tensor.detach().double() for tensor in (grad_out, x, weight))
    leaves = [tensor.requires_grad_() for tensor in (x, weight, torch.zeros_like(weight))]
    y = layer_norm(leaves[0], x.shape[-1:], leaves[1], leaves[2], eps)
    # given grad_out itself, autograd imports sympy first, which takes most of a second
    return torch.autograd.grad((y * grad_out).sum(), leaves)


def check(actual, expected, **tolerance):
    for name, got, want in zip(NAMES, actual, expected, strict=True):
        assert_close(got, want, label=name, **tolerance)


@pytest.mark.parametrize("shape", SHAPES)
def test_grad_x_matches_autograd(attempt, shape):
    inputs = make_inputs(*shape)
    expected = expect(*inputs)

    assert_close(attempt.layer_norm_backward(*inputs)[0], expected[0], label="grad_x")


@pytest.mark.parametrize("shape", SHAPES)
def test_grad_weight_matches_autograd(attempt, shape):
    inputs = make_inputs(*shape)
    expected = expect(*inputs)

    assert_close(attempt.layer_norm_backward(*inputs)[1], expected[1], label="grad_weight")


@pytest.mark.parametrize("shape", SHAPES)
def test_grad_bias_matches_autograd(attempt, shape):
    inputs = make_inputs(*shape)
    expected = expect(*inputs)

    assert_close(attempt.layer_norm_backward(*inputs)[2], expected[2], label="grad_bias")


def test_matches_a_case_worked_out_by_hand(attempt):
    # mean 2, variance 1, so the root is sqrt(1 + 3) = 2 and n = (-1/2, 1/2, -1/2, 1/2)
    x = torch.tensor([1.0, 3.0, 1.0, 3.0], dtype=torch.float64)
    grad_out = torch.tensor([1.0, 0.0, 0.0, 0.0], dtype=torch.float64)
    weight = torch.ones(4, dtype=torch.float64)
    expected = (
        torch.tensor([11.0, -3.0, -5.0, -3.0], dtype=torch.float64) / 32,
        torch.tensor([-0.5, 0.0, 0.0, 0.0], dtype=torch.float64),
        grad_out.clone(),
    )

    check(attempt.layer_norm_backward(grad_out, x, weight, eps=3.0), expected)


def test_returns_a_tuple_of_three(attempt):
    inputs = make_inputs(4, 8)
    expected = tuple(expect(*inputs))

    assert_close(attempt.layer_norm_backward(*inputs), expected)


def test_accepts_transposed_inputs(attempt):
    grad_out, x, weight = make_inputs(2, 4, 3, 6)
    grad_out, x = grad_out.transpose(1, 2), x.transpose(1, 2)
    expected = expect(grad_out, x, weight)

    check(attempt.layer_norm_backward(grad_out, x, weight), expected)


def test_grad_x_sums_to_zero_because_the_mean_is_subtracted(attempt):
    inputs = make_inputs(4, 8)

    sums = attempt.layer_norm_backward(*inputs)[0].sum(dim=-1)

    assert_close(sums, torch.zeros(4, dtype=torch.float64), label="the sum of each grad_x")


def test_grad_x_does_not_point_along_x_when_eps_is_zero(attempt):
    grad_out, x, weight = make_inputs(4, 8)
    centred = x - x.mean(dim=-1, keepdim=True)

    grad_x = attempt.layer_norm_backward(grad_out, x, weight, eps=0.0)[0]

    # a longer x gives the same y, so its gradient has no part along the centred x
    along = (grad_x * centred).sum(dim=-1)
    assert_close(along, torch.zeros(4, dtype=torch.float64), label="the part of grad_x along x")


def test_eps_is_added_inside_the_root(attempt):
    inputs = make_inputs(3, 8)
    expected = expect(*inputs, eps=0.7)

    check(attempt.layer_norm_backward(*inputs, eps=0.7), expected)


def test_eps_is_1e_5_unless_given(attempt):
    grad_out, x, weight = make_inputs(3, 8)
    x = 1e-3 * x  # variances of about 1e-6, next to which eps is large
    expected = expect(grad_out, x, weight, eps=1e-5)

    check(attempt.layer_norm_backward(grad_out, x, weight), expected)


def test_a_constant_vector_gives_finite_gradients(attempt):
    grad_out, x, weight = make_inputs(3, 8)
    x[1] = 2.0
    expected = expect(grad_out, x, weight)

    check(attempt.layer_norm_backward(grad_out, x, weight), expected)


@pytest.mark.parametrize("shape", [(0, 8), (2, 0, 8)], ids=["no-rows", "no-tokens"])
def test_no_vectors_give_zero_gradients(attempt, shape):
    inputs = make_inputs(*shape)
    zeros = torch.zeros(8, dtype=torch.float64)
    expected = torch.zeros(shape, dtype=torch.float64), zeros, zeros

    check(attempt.layer_norm_backward(*inputs), expected)


def test_float32_keeps_its_digits_far_from_zero(attempt):
    grad_out, _, weight = make_inputs(16, 64)
    x = 1000 + torch.randn(16, 64)
    grad_out, weight = grad_out.float(), weight.float()
    expected = [gradient.float() for gradient in expect(grad_out, x, weight)]

    check(
        attempt.layer_norm_backward(grad_out, x, weight),
        expected,
        rtol=0.0,
        atol=0.03,
        why="a float32 mean of 1,000 is good to 4 digits after the point",
    )


@pytest.mark.parametrize("dtype", [*HALVES, pytest.param(torch.float32, id="float32")])
@pytest.mark.parametrize(
    "weight_dtype",
    [None, torch.bfloat16, torch.float32, torch.float64],
    ids=["same", "bfloat16-weight", "float32-weight", "float64-weight"],
)
def test_gradients_have_the_dtypes_of_their_inputs(attempt, dtype, weight_dtype):
    grad_out, x, weight = make_inputs(2, 3, 8, dtype=dtype)
    weight = weight.to(weight_dtype or dtype)

    grads = attempt.layer_norm_backward(grad_out, x, weight)

    assert [gradient.dtype for gradient in grads] == [x.dtype, weight.dtype, weight.dtype]


def test_float64_is_computed_in_float64(attempt):
    grad_out, x, weight = make_inputs(2, 3, 8)
    weight = weight.float()
    expected = expect(grad_out, x, weight)

    assert_close(
        attempt.layer_norm_backward(grad_out, x, weight)[0],
        expected[0],
        rtol=1e-11,
        atol=1e-11,
        why="float64 has 16 digits",
        label="grad_x",
    )


def check_rounded_once(attempt, grad_out, x, weight):
    expected = expect(grad_out, x, weight)
    # one rounding errs by half a step between neighbours; float32 as good as not at all
    half_a_step = {torch.bfloat16: 2**-8, torch.float16: 2**-11, torch.float32: 1e-5}

    grads = attempt.layer_norm_backward(grad_out, x, weight)

    for name, got, want, like in zip(NAMES, grads, expected, (x, weight, weight), strict=True):
        assert_close(
            got.double(),
            want,
            rtol=half_a_step[like.dtype] * 1.01,
            atol=3e-4,
            why="half a step between neighbouring values, and float32 sums",
            label=name,
        )


@pytest.mark.parametrize("dtype", HALVES)
def test_half_precision_is_rounded_once(attempt, dtype):
    check_rounded_once(attempt, *make_inputs(32, 64, dtype=dtype))


@pytest.mark.parametrize("dtype", HALVES)
def test_a_float32_weight_keeps_its_digits(attempt, dtype):
    grad_out, x, weight = make_inputs(32, 64)

    check_rounded_once(attempt, grad_out.to(dtype), x.to(dtype), weight.float())


@pytest.mark.parametrize("dtype", HALVES)
def test_small_terms_of_a_sum_are_not_lost_in_half_precision(attempt, dtype):
    _, x, weight = make_inputs(129, 4, dtype=dtype)
    grad_out = torch.ones(129, 4, dtype=dtype)
    # to which a half-precision sum cannot add 1
    grad_out[0] = torch.tensor([2048, 4096, 2048, 4096])
    expected = torch.tensor([2176, 4224, 2176, 4224], dtype=dtype)

    assert_close(attempt.layer_norm_backward(grad_out, x, weight)[2], expected, label="grad_bias")


def test_runs_without_autograd(attempt):
    inputs = make_inputs(4, 8)
    expected = expect(*inputs)

    with torch.inference_mode():
        grads = attempt.layer_norm_backward(*inputs)

    check(grads, expected)


def bench(attempt, size, device):
    """Size is the number of vectors, each of width 1,024, in float32."""
    inputs = [x.to(device) for x in make_inputs(size, 1024, dtype=torch.float32)]
    return lambda: attempt.layer_norm_backward(*inputs)


bench.sizes = (16, 128, 1024)
