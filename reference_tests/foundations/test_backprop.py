"""Values are compared in float64, where only logic, not rounding, can differ."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from grader.testing import assert_close, assert_follows_device

NAMES = ("x", "w1", "b1", "w2", "b2")
SHAPES = [
    pytest.param((6, 4, 7, 3), id="narrow-in-wide-hidden"),
    pytest.param((5, 8, 3, 4), id="wide-in-narrow-hidden"),
    pytest.param((4, 4, 4, 4), id="all-sizes-equal"),
    pytest.param((1, 5, 6, 3), id="one-row"),
    pytest.param((7, 1, 5, 2), id="one-feature"),
]


def make_inputs(N=6, D=4, F=7, C=3, dtype=torch.float64):
    shapes = (N, D), (D, F), (F,), (F, C), (C,)
    tensors = [torch.randn(shape, dtype=torch.float64) for shape in shapes]
    return [*(tensor.to(dtype) for tensor in tensors), torch.randint(C, (N,))]


def expect(*inputs):
    """Loss and gradients by autograd."""
    *leaves, targets = inputs
    leaves = [leaf.detach().clone().requires_grad_() for leaf in leaves]
    x, w1, b1, w2, b2 = leaves
    loss = cross_entropy((x @ w1 + b1).relu() @ w2 + b2, targets)
    grads = torch.autograd.grad(loss, leaves)
    return loss.detach(), dict(zip(NAMES, grads, strict=True))


def check(result, expected):
    loss, grads = result
    assert_close(loss, expected[0], label="the loss")
    assert_close(grads, expected[1], label="grads")


@pytest.mark.parametrize("shape", SHAPES)
def test_the_loss_matches_torch(attempt, shape):
    inputs = make_inputs(*shape)
    expected = expect(*inputs)[0]

    assert_close(attempt.mlp_gradients(*inputs)[0], expected, label="the loss")


@pytest.mark.parametrize("shape", SHAPES)
def test_gradients_match_autograd(attempt, shape):
    inputs = make_inputs(*shape)
    expected = expect(*inputs)[1]

    assert_close(attempt.mlp_gradients(*inputs)[1], expected, label="grads")


def test_matches_a_case_worked_out_by_hand(attempt):
    # pre is (2, -1), hidden (2, 0), and both logits are 2: the probabilities are 1/2
    tensors = [[1.0, 1.0]], [[3.0, 1.0], [-1.0, -2.0]], [0.0, 0.0], [[1.0, 0.0], [5.0, 7.0]]
    x, w1, b1, w2 = (torch.tensor(values, dtype=torch.float64) for values in tensors)
    b2 = torch.tensor([0.0, 2.0], dtype=torch.float64)
    grads = {
        "x": [[1.5, -0.5]],
        "w1": [[0.5, 0.0], [0.5, 0.0]],
        "b1": [0.5, 0.0],
        "w2": [[1.0, -1.0], [0.0, 0.0]],
        "b2": [0.5, -0.5],
    }
    loss = torch.tensor(2.0, dtype=torch.float64).log()
    expected = loss, {name: torch.tensor(g, dtype=torch.float64) for name, g in grads.items()}

    check(attempt.mlp_gradients(x, w1, b1, w2, b2, torch.tensor([1])), expected)


def test_accepts_transposed_inputs(attempt):
    x, w1, b1, w2, b2, targets = make_inputs()
    x, w1, w2 = (tensor.T.contiguous().T for tensor in (x, w1, w2))
    expected = expect(x, w1, b1, w2, b2, targets)

    check(attempt.mlp_gradients(x, w1, b1, w2, b2, targets), expected)


def test_a_unit_that_never_fires_gets_no_gradient(attempt):
    x, w1, b1, w2, b2, targets = make_inputs()
    b1[2] = -100

    _, grads = attempt.mlp_gradients(x, w1, b1, w2, b2, targets)

    zero = torch.zeros((), dtype=torch.float64)
    assert_close(grads["w1"][:, 2], zero.expand(4), label="the gradient of the unit's w1")
    assert_close(grads["b1"][2], zero, label="the gradient of the unit's b1")
    assert_close(grads["w2"][2], zero.expand(3), label="the gradient of the unit's w2")


def test_relu_has_no_gradient_at_zero(attempt):
    x, w1, b1, w2, b2, targets = make_inputs()
    x[1], b1[:] = 0, 0
    expected = expect(x, w1, b1, w2, b2, targets)

    check(attempt.mlp_gradients(x, w1, b1, w2, b2, targets), expected)


def test_gradients_of_the_output_bias_sum_to_zero(attempt):
    inputs = make_inputs()

    total = attempt.mlp_gradients(*inputs)[1]["b2"].sum()

    assert_close(total, torch.zeros((), dtype=torch.float64), label="the sum of the gradient of b2")


def test_the_same_rows_twice_leave_the_weight_gradients(attempt):
    x, w1, b1, w2, b2, targets = make_inputs()
    loss, grads = expect(x, w1, b1, w2, b2, targets)
    # each row of x has half the weight in the mean
    grads["x"] = torch.cat([grads["x"], grads["x"]]) / 2

    doubled = attempt.mlp_gradients(
        torch.cat([x, x]), w1, b1, w2, b2, torch.cat([targets, targets])
    )

    check(doubled, (loss, grads))


def test_all_rows_may_have_the_same_target(attempt):
    *inputs, targets = make_inputs()
    targets[:] = 2
    expected = expect(*inputs, targets)

    check(attempt.mlp_gradients(*inputs, targets), expected)


def test_large_logits_stay_finite(attempt):
    x, w1, b1, w2, b2, targets = make_inputs()
    w2 = 1e4 * w2
    expected = expect(x, w1, b1, w2, b2, targets)

    check(attempt.mlp_gradients(x, w1, b1, w2, b2, targets), expected)


def test_float32_stays_float32(attempt):
    inputs = make_inputs(dtype=torch.float32)
    loss, grads = expect(*(t.double() if t.is_floating_point() else t for t in inputs))
    expected = loss.float(), {name: gradient.float() for name, gradient in grads.items()}

    got_loss, got = attempt.mlp_gradients(*inputs)

    rounding = {"rtol": 1e-4, "atol": 1e-4, "why": "float32 products, added in any order"}
    assert_close(got_loss, expected[0], label="the loss", **rounding)
    assert_close(got, expected[1], label="grads", **rounding)


def test_float64_is_computed_in_float64(attempt):
    inputs = make_inputs()
    expected = expect(*inputs)[1]

    assert_close(
        attempt.mlp_gradients(*inputs)[1],
        expected,
        rtol=1e-11,
        atol=1e-11,
        why="float64 has 16 digits",
        label="grads",
    )


def test_works_on_the_device_of_x(attempt):
    assert_follows_device(attempt.mlp_gradients, *make_inputs())


def test_runs_without_autograd(attempt):
    inputs = make_inputs()
    expected = expect(*inputs)

    with torch.inference_mode():
        result = attempt.mlp_gradients(*inputs)

    check(result, expected)
