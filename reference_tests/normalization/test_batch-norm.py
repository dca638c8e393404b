"""Values are compared in float64, where only logic, not rounding, can differ."""

import pytest
import torch
from torch.nn import functional

from grader.testing import assert_close, assert_equal, assert_same_gradients

HALVES = [
    pytest.param(torch.bfloat16, id="bfloat16"),
    pytest.param(torch.float16, id="float16"),
]
SHAPES = [
    pytest.param((6, 4), id="rows"),
    pytest.param((4, 4), id="as-many-rows-as-channels"),
    pytest.param((3, 4, 5), id="sequences"),
    pytest.param((2, 3, 4, 5), id="images"),
    pytest.param((1, 3, 5), id="one-sequence"),
    pytest.param((2, 3), id="two-values-a-channel"),
]


def make_inputs(*shape, dtype=torch.float64):
    """x, weight, bias, running_mean, running_var; each channel with its own statistics."""
    C = shape[1]
    one_each = (C, *[1] * (len(shape) - 2))
    spread = 0.5 + 2 * torch.rand(one_each, dtype=torch.float64)
    centre = 2 + torch.randn(one_each, dtype=torch.float64)
    x = centre + spread * torch.randn(shape, dtype=torch.float64)
    weight, bias, running_mean = (2 * torch.randn(C, dtype=torch.float64) for _ in range(3))
    running_var = 0.3 + 3 * torch.rand(C, dtype=torch.float64)
    return x.to(dtype), weight, bias, running_mean, running_var


def expect(x, weight, bias, running_mean, running_var, **options):
    """Result, and the running statistics after it."""
    after = running_mean.clone(), running_var.clone()
    y = functional.batch_norm(x, *after, weight, bias, **options)
    return y, *after


def check_rounded_once(result, exact, dtype):
    # one rounding errs by half a step between neighbours
    half_a_step = {torch.bfloat16: 2**-8, torch.float16: 2**-11}[dtype]
    assert_equal(result.dtype, dtype, label="the dtype")
    assert_close(
        result.double(),
        exact,
        rtol=half_a_step * 1.01,
        atol=5e-5,
        why="half a step between neighbouring values: one rounding from float32",
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_training_matches_torch(attempt, shape):
    inputs = make_inputs(*shape)
    expected = expect(*inputs, training=True)[0]

    assert_close(attempt.batch_norm(*inputs, training=True), expected)


@pytest.mark.parametrize("shape", [*SHAPES, pytest.param((1, 4), id="one-row")])
def test_evaluation_uses_the_running_statistics(attempt, shape):
    inputs = make_inputs(*shape)
    expected = expect(*inputs, training=False)[0]

    assert_close(attempt.batch_norm(*inputs, training=False), expected)


def test_matches_a_case_worked_out_by_hand(attempt):
    # mean 4 and variance 4: with eps 5 the root is 3; the unbiased variance is 16/3
    x = torch.tensor([[2.0], [6.0], [2.0], [6.0]], dtype=torch.float64)
    # each a tensor of its own: views of one would count as written to together
    numbers = (3.0, 1.0, 2.0, 4 / 3)
    weight, bias, mean, var = (torch.tensor([n], dtype=torch.float64) for n in numbers)
    expected = torch.tensor([[-1.0], [3.0], [-1.0], [3.0]], dtype=torch.float64)

    result = attempt.batch_norm(x, weight, bias, mean, var, training=True, momentum=0.25, eps=5.0)

    assert_close(result, expected)
    assert_close(mean, torch.tensor([2.5], dtype=torch.float64), label="running_mean")
    assert_close(var, torch.tensor([7 / 3], dtype=torch.float64), label="running_var")


@pytest.mark.parametrize("shape", SHAPES)
def test_the_running_mean_moves_by_momentum(attempt, shape):
    x, weight, bias, mean, var = make_inputs(*shape)
    expected = expect(x, weight, bias, mean, var, training=True, momentum=0.3)[1]

    attempt.batch_norm(x, weight, bias, mean, var, training=True, momentum=0.3)

    assert_close(mean, expected, label="running_mean")


@pytest.mark.parametrize("shape", SHAPES)
def test_running_var_takes_the_unbiased_variance(attempt, shape):
    x, weight, bias, mean, var = make_inputs(*shape)
    expected = expect(x, weight, bias, mean, var, training=True, momentum=0.3)[2]

    attempt.batch_norm(x, weight, bias, mean, var, training=True, momentum=0.3)

    assert_close(var, expected, label="running_var")


def test_running_statistics_change_in_place(attempt):
    x, weight, bias, mean, var = make_inputs(6, 4)
    _, *expected = expect(x, weight, bias, mean, var, training=True)
    # as a state_dict holds them: the same memory under another tensor
    held = [mean.detach(), var.detach()]

    attempt.batch_norm(x, weight, bias, mean, var, training=True)

    assert_close(held, expected, label="the running statistics")


@pytest.mark.parametrize("momentum", [0.0, 1.0], ids=["none", "all"])
def test_momentum_may_be_at_its_ends(attempt, momentum):
    x, weight, bias, mean, var = make_inputs(6, 4)
    _, *expected = expect(x, weight, bias, mean, var, training=True, momentum=momentum)

    attempt.batch_norm(x, weight, bias, mean, var, training=True, momentum=momentum)

    assert_close([mean, var], expected, label="the running statistics")


def test_momentum_is_a_tenth_and_eps_1e_5_unless_given(attempt):
    x, weight, bias, mean, var = make_inputs(6, 4)
    x = 1e-3 * x  # variances of about 1e-6, next to which eps is large
    options = {"training": True, "momentum": 0.1, "eps": 1e-5}
    y, *expected = expect(x, weight, bias, mean, var, **options)

    assert_close(attempt.batch_norm(x, weight, bias, mean, var, training=True), y)
    assert_close([mean, var], expected, label="the running statistics")


def test_evaluation_leaves_the_running_statistics(attempt):
    x, weight, bias, mean, var = make_inputs(6, 4)
    expected = [mean.clone(), var.clone()]

    attempt.batch_norm(x, weight, bias, mean, var, training=False)

    assert_close([mean, var], expected, label="the running statistics")


def test_steps_of_training_carry_over_to_evaluation(attempt):
    x, weight, bias, mean, var = make_inputs(6, 4, 3)
    batches = [x, x.flip(0) * 2 + 1, x[:2] - 3]
    after = mean, var
    for batch in batches:
        _, *after = expect(batch, weight, bias, *after, training=True, momentum=0.4)
    expected = expect(x, weight, bias, *after, training=False)[0]

    for batch in batches:
        attempt.batch_norm(batch, weight, bias, mean, var, training=True, momentum=0.4)

    assert_close(attempt.batch_norm(x, weight, bias, mean, var, training=False), expected)


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
def test_eps_is_added_inside_the_root(attempt, training):
    inputs = make_inputs(6, 4)
    expected = expect(*inputs, training=training, eps=0.7)[0]

    assert_close(attempt.batch_norm(*inputs, training=training, eps=0.7), expected)


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
def test_accepts_channels_last_in_memory(attempt, training):
    x, *others = make_inputs(3, 4, 5)
    x = x.transpose(1, 2).contiguous().transpose(1, 2)
    expected = expect(x, *others, training=training)[0]

    assert_close(attempt.batch_norm(x, *others, training=training), expected)


def test_a_constant_channel_gives_its_bias(attempt):
    x, *others = make_inputs(6, 4)
    x[:, 1] = 2.0
    expected = expect(x, *others, training=True)[0]

    assert_close(attempt.batch_norm(x, *others, training=True), expected)


def test_an_empty_batch_gives_an_empty_result_in_evaluation(attempt):
    x, *others = make_inputs(0, 4)

    assert_close(attempt.batch_norm(x, *others, training=False), x.clone())


@pytest.mark.parametrize(
    "shape", [(1, 4), (1, 4, 1), (0, 4)], ids=["one-row", "one-token", "no-rows"]
)
def test_rejects_training_on_fewer_than_two_values(attempt, shape):
    x, weight, bias, mean, var = make_inputs(*shape)
    expected = [mean.clone(), var.clone()]

    with pytest.raises(ValueError):
        attempt.batch_norm(x, weight, bias, mean, var, training=True)

    assert_close([mean, var], expected, label="the running statistics")


def check_gradients(attempt, training):
    *inputs, mean, var = make_inputs(4, 3, 2)
    options = {"training": training, "eps": 0.5}

    def actual(x, weight, bias):
        return attempt.batch_norm(x, weight, bias, mean.clone(), var.clone(), **options)

    def expected(x, weight, bias):
        return expect(x, weight, bias, mean, var, **options)[0]

    assert_same_gradients(actual, expected, *inputs)


def test_gradients_in_training_match_torch(attempt):
    check_gradients(attempt, training=True)


def test_gradients_in_evaluation_match_torch(attempt):
    check_gradients(attempt, training=False)


def test_the_running_statistics_hold_no_graph(attempt):
    x, weight, bias, mean, var = make_inputs(6, 4)
    attempt.batch_norm(x.requires_grad_(), weight, bias, mean, var, training=True)

    assert [mean.requires_grad, var.requires_grad] == [False, False]


def test_float32_keeps_its_digits_far_from_zero(attempt):
    x, ones, zeros = 1000 + torch.randn(64, 64), torch.ones(64), torch.zeros(64)
    expected = expect(x.double(), *(t.double() for t in (ones, zeros, zeros, ones)), training=True)

    assert_close(
        attempt.batch_norm(x, ones, zeros, zeros.clone(), ones.clone(), training=True),
        expected[0].float(),
        rtol=0.0,
        atol=0.01,
        why="a float32 mean of 1,000 is good to 3 digits after the point",
    )


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
def test_float64_beside_x_does_not_widen_the_result(attempt, training):
    x, *others = make_inputs(6, 4, 3, dtype=torch.float32)
    expected = expect(x.double(), *others, training=training)[0].float()

    assert_close(
        attempt.batch_norm(x, *others, training=training),
        expected,
        rtol=1e-5,
        atol=3e-5,
        why="float32 loses a digit where the mean is subtracted",
    )


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
def test_half_precision_is_rounded_once(attempt, dtype, training):
    x, *others = make_inputs(16, 8, 4, dtype=dtype)
    others = [tensor.float() for tensor in others]
    exact = expect(x.double(), *(tensor.double() for tensor in others), training=training)[0]

    check_rounded_once(attempt.batch_norm(x, *others, training=training), exact, dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
def test_running_statistics_keep_their_dtype_and_digits(attempt, dtype):
    x, weight, bias, mean, var = make_inputs(16, 8, 4, dtype=torch.bfloat16)
    weight, bias, mean, var = (tensor.to(dtype) for tensor in (weight, bias, mean, var))
    inputs = [tensor.double() for tensor in (x, weight, bias, mean, var)]
    _, *exact = expect(*inputs, training=True, momentum=0.5)

    attempt.batch_norm(x, weight, bias, mean, var, training=True, momentum=0.5)

    assert_close(
        [mean, var],
        [tensor.to(dtype) for tensor in exact],
        rtol=1e-5,
        atol=1e-5,
        why="sums of float32 numbers in any order",
        label="the running statistics",
    )
