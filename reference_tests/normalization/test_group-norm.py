"""Values are compared in float64, where only logic, not rounding, can differ."""

import pytest
import torch
from torch.nn import functional

from grader.testing import assert_close, assert_equal, assert_same_gradients

HALVES = [
    pytest.param(torch.bfloat16, id="bfloat16"),
    pytest.param(torch.float16, id="float16"),
]


def make_inputs(*shape, dtype=torch.float64):
    """x, weight and bias; each channel of each sample with its own mean and spread."""
    N, C = shape[:2]
    one_each = (N, C, *[1] * (len(shape) - 2))
    spread = 0.5 + 2 * torch.rand(one_each, dtype=torch.float64)
    centre = 2 + 2 * torch.randn(one_each, dtype=torch.float64)
    x = centre + spread * torch.randn(shape, dtype=torch.float64)
    weight, bias = 2 * torch.randn(2, C, dtype=torch.float64)
    return x.to(dtype), weight.to(dtype), bias.to(dtype)


def expect(x, num_groups, weight, bias, eps=1e-5):
    return functional.group_norm(x, num_groups, weight, bias, eps)


@pytest.mark.parametrize(
    "shape, num_groups",
    [
        pytest.param((3, 8), 2, id="rows"),
        pytest.param((2, 6, 5), 3, id="sequences"),
        pytest.param((2, 6, 5), 2, id="large-groups"),
        pytest.param((2, 4, 3, 5), 2, id="images"),
        pytest.param((2, 4, 2, 3, 2), 2, id="volumes"),
        pytest.param((3, 4, 5), 1, id="one-group"),
        pytest.param((3, 4, 5), 4, id="a-group-for-each-channel"),
        pytest.param((1, 6, 1), 3, id="one-position"),
        pytest.param((3, 4), 4, id="one-value-a-group"),
    ],
)
def test_matches_torch(attempt, shape, num_groups):
    x, weight, bias = make_inputs(*shape)
    expected = expect(x, num_groups, weight, bias)

    assert_close(attempt.group_norm(x, num_groups, weight, bias), expected)


def test_matches_a_case_worked_out_by_hand(attempt):
    # groups (1, 3) and (10, 18): means 2 and 14, variances 1 and 16
    # so with eps 0 the roots are 1 and 4
    x = torch.tensor([[1.0, 3.0, 10.0, 18.0]], dtype=torch.float64)
    weight = torch.tensor([1.0, 2.0, 3.0, 4.0], dtype=torch.float64)
    bias = torch.tensor([0.0, 0.5, 0.0, 10.0], dtype=torch.float64)
    expected = torch.tensor([[-1.0, 2.5, -3.0, 14.0]], dtype=torch.float64)

    assert_close(attempt.group_norm(x, 2, weight, bias, eps=0.0), expected)


def test_neighbouring_channels_form_a_group(attempt):
    x, weight, bias = make_inputs(2, 6, 4)
    # all that the first of two groups holds is moved: only its channels may change
    expected = expect(x, 2, weight, bias)[:, 3:]
    x = torch.cat([7 * x[:, :3] ** 2 + 1, x[:, 3:]], dim=1)

    result = attempt.group_norm(x, 2, weight, bias)

    assert_close(result[:, 3:], expected, label="the result of channels 3 to 5")


def test_each_sample_is_normalised_by_itself(attempt):
    x, weight, bias = make_inputs(3, 6, 4)
    expected = expect(x[1:2], 2, weight, bias)

    assert_close(attempt.group_norm(x, 2, weight, bias)[1:2], expected, label="the second sample")


def test_accepts_channels_last_in_memory(attempt):
    x, weight, bias = make_inputs(2, 6, 5)
    x = x.transpose(1, 2).contiguous().transpose(1, 2)
    expected = expect(x, 3, weight, bias)

    assert_close(attempt.group_norm(x, 3, weight, bias), expected)


def test_eps_is_added_inside_the_root(attempt):
    x, weight, bias = make_inputs(3, 6, 2)
    expected = expect(x, 2, weight, bias, eps=0.7)

    assert_close(attempt.group_norm(x, 2, weight, bias, eps=0.7), expected)


def test_eps_is_1e_5_unless_given(attempt):
    x, weight, bias = make_inputs(3, 6, 2)
    x = 1e-3 * x  # variances of about 1e-6, next to which eps is large
    expected = expect(x, 2, weight, bias, eps=1e-5)

    assert_close(attempt.group_norm(x, 2, weight, bias), expected)


def test_a_group_of_equal_values_gives_the_bias(attempt):
    x, weight, bias = make_inputs(3, 6, 2)
    x[1, :3] = 2.0
    expected = expect(x, 2, weight, bias)

    assert_close(attempt.group_norm(x, 2, weight, bias), expected)


@pytest.mark.parametrize("shape", [(0, 6), (0, 6, 4)], ids=["rows", "sequences"])
def test_no_samples_give_an_empty_result(attempt, shape):
    x, weight, bias = make_inputs(*shape)

    assert_close(attempt.group_norm(x, 2, weight, bias), x.clone())


@pytest.mark.parametrize("num_groups", [4, 5, 12], ids=["4", "5", "12"])
def test_rejects_channels_that_do_not_divide(attempt, num_groups):
    x, weight, bias = make_inputs(2, 6, 4)

    with pytest.raises(ValueError):
        attempt.group_norm(x, num_groups, weight, bias)


def test_gradients_match_torch(attempt):
    x, weight, bias = make_inputs(2, 6, 3)

    def by(function):
        return lambda x, weight, bias: function(x, 2, weight, bias, eps=0.5)

    assert_same_gradients(by(attempt.group_norm), by(expect), x, weight, bias)


def test_float32_keeps_its_digits_far_from_zero(attempt):
    x, weight, bias = 1000 + torch.randn(32, 8, 16), torch.ones(8), torch.zeros(8)
    expected = expect(x.double(), 2, weight.double(), bias.double()).float()

    assert_close(
        attempt.group_norm(x, 2, weight, bias),
        expected,
        rtol=0.0,
        atol=0.01,
        why="a float32 mean of 1,000 is good to 3 digits after the point",
    )


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("affine", ["same", "float32"])
def test_half_precision_is_rounded_once(attempt, dtype, affine):
    x, weight, bias = make_inputs(8, 32, 16)
    x = x.to(dtype)
    weight, bias = (t.to(dtype if affine == "same" else torch.float32) for t in (weight, bias))
    exact = expect(x.double(), 4, weight.double(), bias.double())
    # one rounding errs by half a step between neighbours
    half_a_step = {torch.bfloat16: 2**-8, torch.float16: 2**-11}[dtype]

    result = attempt.group_norm(x, 4, weight, bias)

    assert_equal(result.dtype, dtype, label="the dtype")
    assert_close(
        result.double(),
        exact,
        rtol=half_a_step * 1.01,
        atol=2e-5,
        why="half a step between neighbouring values: one rounding from float32",
    )


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64], ids=["bfloat16", "float64"])
def test_the_dtype_of_the_weight_does_not_change_that_of_the_result(attempt, dtype):
    x, weight, bias = make_inputs(2, 6, 3)
    x, weight, bias = x.float(), weight.to(dtype), bias.to(dtype)
    expected = expect(x.double(), 2, weight.double(), bias.double()).float()

    assert_close(
        attempt.group_norm(x, 2, weight, bias),
        expected,
        rtol=1e-5,
        atol=1e-5,
        why="float32 loses a digit where the mean is subtracted",
    )


def test_float64_is_computed_in_float64(attempt):
    x, weight, bias = make_inputs(2, 6, 3)
    expected = expect(x, 2, weight.float().double(), bias.float().double())

    assert_close(
        attempt.group_norm(x, 2, weight.float(), bias.float()),
        expected,
        rtol=1e-11,
        atol=1e-11,
        why="float64 has 16 digits",
    )
