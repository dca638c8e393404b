"""Values are compared in float64, where only logic, not rounding, can differ."""

import math

import pytest
import torch
from torch.nn import functional as F

from grader.testing import assert_close, assert_follows_device

SHAPES = pytest.mark.parametrize(
    "N, D",
    [
        pytest.param(20, 3, id="tall"),
        pytest.param(4, 7, id="wide"),
        pytest.param(5, 5, id="square"),
        pytest.param(1, 2, id="one-row"),
    ],
)
PENALTIES = pytest.mark.parametrize("l2", [0.0, 0.3], ids="l2={}".format)


def draw(N=12, D=3, dtype=torch.float64):
    """Inputs off 0, both classes, and weights at which to look."""
    X = 1.5 * torch.randn(N, D, dtype=torch.float64) + 0.5
    y = torch.arange(N) % 2
    w, b = torch.randn(D, dtype=torch.float64), torch.randn((), dtype=torch.float64) + 1
    return X.to(dtype), y, w.to(dtype), b.to(dtype)


def objective(X, y, w, b, l2=0.0):
    return F.binary_cross_entropy_with_logits(X @ w + b, y.double()) + l2 * w.square().sum()


def slopes(X, y, w, b, l2=0.0):
    leaves = [part.detach().clone().requires_grad_() for part in (w, b)]
    return torch.autograd.grad(objective(X, y, *leaves, l2), leaves)


def descend(X, y, lr, steps, l2=0.0):
    X = X.double()
    w, b = torch.zeros(X.shape[1], dtype=torch.float64), torch.zeros((), dtype=torch.float64)
    for _ in range(steps):
        by_w, by_b = slopes(X, y, w, b, l2)
        w, b = w - lr * by_w, b - lr * by_b
    return w, b


@SHAPES
@PENALTIES
def test_the_objective_matches_torch(attempt, N, D, l2):
    X, y, w, b = draw(N, D)
    expected = objective(X, y, w, b, l2)

    assert_close(attempt.logistic_loss(X, y, w, b, l2=l2)[0], expected)


@SHAPES
@PENALTIES
def test_gradients_match_autograd(attempt, N, D, l2):
    X, y, w, b = draw(N, D)
    by_w, by_b = slopes(X, y, w, b, l2)

    _, got_w, got_b = attempt.logistic_loss(X, y, w, b, l2=l2)

    assert_close(got_w, by_w, label="the gradient by w")
    assert_close(got_b, by_b, label="the gradient by b")


def test_matches_a_case_worked_out_by_hand(attempt):
    # scores log 3 and -log 3: probabilities 3/4 and 1/4, of classes 1 and 1
    X = torch.tensor([[1.0], [-1.0]], dtype=torch.float64)
    w, b = torch.tensor([math.log(3)], dtype=torch.float64), torch.tensor(0.0).double()
    loss = torch.tensor((math.log(4 / 3) + math.log(4)) / 2, dtype=torch.float64)
    by_w = torch.tensor([(-1 / 4 + 3 / 4) / 2], dtype=torch.float64)
    by_b = torch.tensor((-1 / 4 - 3 / 4) / 2, dtype=torch.float64)

    result = attempt.logistic_loss(X, torch.tensor([1, 1]), w, b)

    assert_close(result, (loss, by_w, by_b))


def test_there_is_no_penalty_unless_given(attempt):
    X, y, w, b = draw()
    expected = (objective(X, y, w, b), *slopes(X, y, w, b)), descend(X, y, 0.1, 2)

    assert_close(attempt.logistic_loss(X, y, w, b), expected[0], label="loss and gradients")
    assert_close(attempt.fit_logistic(X, y, lr=0.1, steps=2), expected[1], label="the fit")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
def test_large_scores_cost_as_much_as_they_are_wrong(attempt, dtype):
    X = torch.tensor([[1e4], [-1e4], [1e4], [-1e4]], dtype=dtype)
    w, b = torch.ones(1, dtype=dtype), torch.zeros((), dtype=dtype)
    # the last two are wrong, by 10,000 each
    expected = (
        torch.tensor(5e3, dtype=dtype),
        torch.tensor([5e3], dtype=dtype),
        torch.tensor(0.0, dtype=dtype),
    )

    assert_close(attempt.logistic_loss(X, torch.tensor([1, 0, 0, 1]), w, b), expected)


@PENALTIES
@pytest.mark.parametrize("steps", [1, 2, 20], ids="{}-steps".format)
def test_each_step_follows_autograd(attempt, steps, l2):
    X, y, _, _ = draw()
    expected = descend(X, y, 0.2, steps, l2)

    assert_close(attempt.fit_logistic(X, y, lr=0.2, steps=steps, l2=l2), expected)


@pytest.mark.parametrize("lr", [0.01, 0.5], ids="lr={}".format)
def test_the_learning_rate_scales_a_step(attempt, lr):
    X, y, _, _ = draw()
    expected = descend(X, y, lr, 3)

    assert_close(attempt.fit_logistic(X, y, lr=lr, steps=3), expected)


def test_no_steps_leave_zeros(attempt):
    X, y, _, _ = draw()
    expected = torch.zeros(3, dtype=torch.float64), torch.zeros((), dtype=torch.float64)

    assert_close(attempt.fit_logistic(X, y, lr=0.1, steps=0), expected)


@pytest.mark.parametrize("label", [0, 1], ids=["all-0", "all-1"])
def test_one_class_may_be_missing(attempt, label):
    X, y = draw()[0], torch.full((12,), label)
    expected = descend(X, y, 0.2, 5)

    assert_close(attempt.fit_logistic(X, y, lr=0.2, steps=5), expected)


def test_separable_classes_stay_finite(attempt):
    X = torch.tensor([[-300.0], [-200.0], [200.0], [300.0]], dtype=torch.float64)
    y = torch.tensor([0, 0, 1, 1])
    expected = descend(X, y, 1.0, 5)

    assert_close(attempt.fit_logistic(X, y, lr=1.0, steps=5), expected)


def test_probabilities_are_sigmoids_of_scores(attempt):
    X, _, w, b = draw(7)
    expected = torch.sigmoid(X @ w + b)

    assert_close(attempt.predict_proba(X, w, b), expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
def test_probabilities_of_large_scores_are_0_and_1(attempt, dtype):
    X = torch.tensor([[1e4], [-1e4], [0.0]], dtype=dtype)
    expected = torch.tensor([1.0, 0.0, 0.5], dtype=dtype)

    result = attempt.predict_proba(X, torch.ones(1, dtype=dtype), torch.zeros((), dtype=dtype))

    assert_close(result, expected)


def test_no_rows_have_no_probabilities(attempt):
    _, _, w, b = draw()

    result = attempt.predict_proba(torch.zeros(0, 3, dtype=torch.float64), w, b)

    assert tuple(result.shape) == (0,)


@pytest.mark.parametrize(
    "dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str
)
def test_returns_float32_unless_x_is_float64(attempt, dtype):
    X, y, w, b = draw(dtype=dtype)
    wide = [part.double() for part in (X, w, b)]
    wanted = torch.float64 if dtype == torch.float64 else torch.float32
    loss = objective(wide[0], y, *wide[1:], 0.2), *slopes(wide[0], y, *wide[1:], 0.2)
    fit, p = descend(X, y, 0.2, 3, 0.2), torch.sigmoid(wide[0] @ wide[1] + wide[2])

    results = (
        attempt.logistic_loss(X, y, w, b, l2=0.2),
        attempt.fit_logistic(X, y, lr=0.2, steps=3, l2=0.2),
        [attempt.predict_proba(X, w, b)],
    )

    for got, want in zip(results, (loss, fit, [p]), strict=True):
        assert_close(got, [part.to(wanted) for part in want])


def test_the_dtype_of_the_weights_is_their_own(attempt):
    X, y, w, b = draw()
    w, b = w.float(), b.bfloat16()
    exact = X, y, w.double(), b.double()
    expected = (objective(*exact), *slopes(*exact)), torch.sigmoid(X @ w.double() + b.double())

    assert_close(attempt.logistic_loss(X, y, w, b), expected[0], label="loss and gradients")
    assert_close(attempt.predict_proba(X, w, b), expected[1], label="probabilities")


def test_float64_is_computed_in_float64(attempt):
    X, y, w, b = draw()
    expected = (objective(X, y, w, b), *slopes(X, y, w, b)), torch.sigmoid(X @ w + b)
    tolerance = {"rtol": 1e-11, "atol": 1e-12, "why": "float64 has 16 digits"}

    assert_close(attempt.logistic_loss(X, y, w, b), expected[0], **tolerance, label="the loss")
    assert_close(attempt.predict_proba(X, w, b), expected[1], **tolerance, label="probabilities")


def test_accepts_a_transposed_matrix(attempt):
    X, y, w, b = draw()
    X = X.T.contiguous().T
    expected = (objective(X, y, w, b), *slopes(X, y, w, b)), descend(X, y, 0.1, 2)

    assert_close(attempt.logistic_loss(X, y, w, b), expected[0], label="loss and gradients")
    assert_close(attempt.fit_logistic(X, y, lr=0.1, steps=2), expected[1], label="the fit")


@pytest.mark.parametrize("wide", [False, True], ids=["float32-weights", "float64-weights"])
def test_scores_of_float32_inputs_are_computed_in_float64(attempt, wide):
    # the score is 1; in float32 it is 0
    large = 2.0**30
    X, w = torch.tensor([[large, 1.0, -large]]), torch.ones(3)
    if wide:
        X, w = torch.ones(1, 2), torch.tensor([large + 1, -large], dtype=torch.float64)
    y, b = torch.tensor([0]), torch.zeros((), dtype=w.dtype)
    exact = X.double(), y, w.double(), b.double()
    expected = tuple(part.float() for part in (objective(*exact), *slopes(*exact)))

    assert_close(attempt.logistic_loss(X, y, w, b), expected, label="loss and gradients")
    assert_close(attempt.predict_proba(X, w, b), torch.sigmoid(torch.ones(1)), label="probability")


def test_the_fit_of_float32_inputs_is_computed_in_float64(attempt):
    # in float32 the small numbers are lost beside the large ones
    X = torch.tensor([[2.0**27], [3.0], [1.0], [-(2.0**27)], [5.0]])
    y = torch.zeros(5, dtype=torch.int64)
    w, b = descend(X, y, 0.1, 1)

    assert_close(attempt.fit_logistic(X, y, lr=0.1, steps=1), (w.float(), b.float()))


@pytest.mark.parametrize(
    "of_X, of_y",
    [
        pytest.param((5, 2), (4,), id="another-number-of-rows"),
        pytest.param((5, 2), (5, 1), id="a-column-of-classes"),
        pytest.param((2,), (2,), id="a-vector-of-inputs"),
        pytest.param((5, 2), (1,), id="one-class"),
    ],
)
def test_rejects_shapes_that_do_not_fit(attempt, of_X, of_y):
    X, y = torch.randn(of_X), torch.ones(of_y, dtype=torch.int64)

    with pytest.raises(ValueError):
        attempt.logistic_loss(X, y, torch.ones(2), torch.tensor(0.0))
    with pytest.raises(ValueError):
        attempt.fit_logistic(X, y, lr=0.1, steps=1)


@pytest.mark.parametrize("label", [-1, 2], ids=["minus-1", "2"])
@pytest.mark.parametrize("steps", [0, 1], ids="{}-steps".format)
def test_rejects_classes_other_than_0_and_1(attempt, label, steps):
    X, y, w, b = draw()
    y[3] = label

    with pytest.raises(ValueError):
        attempt.logistic_loss(X, y, w, b)
    with pytest.raises(ValueError):
        attempt.fit_logistic(X, y, lr=0.1, steps=steps)


def test_all_is_made_on_the_device_of_x(attempt):
    X, y, w, b = draw()

    assert_follows_device(attempt.logistic_loss, X, y, w, b, l2=0.1)
    assert_follows_device(attempt.fit_logistic, X, y, lr=0.1, steps=2)


def test_runs_without_autograd(attempt):
    X, y, w, b = draw()
    expected = (objective(X, y, w, b, 0.3), *slopes(X, y, w, b, 0.3)), descend(X, y, 0.1, 2, 0.3)

    with torch.inference_mode():
        result = attempt.logistic_loss(X, y, w, b, l2=0.3)
        fit = attempt.fit_logistic(X, y, lr=0.1, steps=2, l2=0.3)

    assert_close(result, expected[0], label="loss and gradients")
    assert_close(fit, expected[1], label="the fit")
