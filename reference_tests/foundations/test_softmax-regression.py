"""Values are compared in float64, where only logic, not rounding, can differ."""

import math

import pytest
import torch
from torch.nn import functional as F

from grader.testing import assert_close, assert_equal, assert_follows_device

SHAPES = pytest.mark.parametrize(
    "N, D, K",
    [
        pytest.param(20, 3, 4, id="tall"),
        pytest.param(4, 7, 3, id="wide"),
        pytest.param(5, 5, 5, id="all-equal"),
        pytest.param(1, 2, 3, id="one-row"),
        pytest.param(9, 2, 2, id="two-classes"),
    ],
)
PENALTIES = pytest.mark.parametrize("l2", [0.0, 0.3], ids="l2={}".format)


def draw(N=12, D=3, K=4, dtype=torch.float64):
    """Inputs off 0, all classes in turn, and weights at which to look."""
    X = 1.5 * torch.randn(N, D, dtype=torch.float64) + 0.5
    y = torch.arange(N) % K
    W, b = torch.randn(D, K, dtype=torch.float64), torch.randn(K, dtype=torch.float64) + 1
    return X.to(dtype), y, W.to(dtype), b.to(dtype)


def objective(X, y, W, b, l2=0.0):
    return F.cross_entropy(X @ W + b, y) + l2 * W.square().sum()


def slopes(X, y, W, b, l2=0.0):
    leaves = [part.detach().clone().requires_grad_() for part in (W, b)]
    return torch.autograd.grad(objective(X, y, *leaves, l2), leaves)


def descend(X, y, K, lr, steps, l2=0.0):
    X = X.double()
    W, b = torch.zeros(X.shape[1], K, dtype=torch.float64), torch.zeros(K, dtype=torch.float64)
    for _ in range(steps):
        by_W, by_b = slopes(X, y, W, b, l2)
        W, b = W - lr * by_W, b - lr * by_b
    return W, b


@SHAPES
@PENALTIES
def test_the_objective_matches_torch(attempt, N, D, K, l2):
    X, y, W, b = draw(N, D, K)
    expected = objective(X, y, W, b, l2)

    assert_close(attempt.softmax_loss(X, y, W, b, l2=l2)[0], expected)


@SHAPES
@PENALTIES
def test_gradients_match_autograd(attempt, N, D, K, l2):
    X, y, W, b = draw(N, D, K)
    by_W, by_b = slopes(X, y, W, b, l2)

    _, got_W, got_b = attempt.softmax_loss(X, y, W, b, l2=l2)

    assert_close(got_W, by_W, label="the gradient by W")
    assert_close(got_b, by_b, label="the gradient by b")


def test_matches_a_case_worked_out_by_hand(attempt):
    # probabilities 1/8, 2/8 and 5/8
    X, y = torch.tensor([[1.0]], dtype=torch.float64), torch.tensor([1])
    W = torch.tensor([[1.0, 2.0, 5.0]], dtype=torch.float64).log()
    b = torch.full((3,), 7.0, dtype=torch.float64)
    error = torch.tensor([1 / 8, -6 / 8, 5 / 8], dtype=torch.float64)
    loss = torch.tensor(math.log(4), dtype=torch.float64)

    assert_close(attempt.softmax_loss(X, y, W, b), (loss, error[None], error))


def test_there_is_no_penalty_unless_given(attempt):
    X, y, W, b = draw()
    expected = (objective(X, y, W, b), *slopes(X, y, W, b)), descend(X, y, 4, 0.1, 2)

    assert_close(attempt.softmax_loss(X, y, W, b), expected[0], label="loss and gradients")
    assert_close(attempt.fit_softmax(X, y, 4, lr=0.1, steps=2), expected[1], label="the fit")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
def test_large_scores_cost_as_much_as_they_are_wrong(attempt, dtype):
    X, y = torch.tensor([[1e4], [-1e4]], dtype=dtype), torch.tensor([0, 0])
    W, b = torch.tensor([[1.0, 0.0, -1.0]], dtype=dtype), torch.zeros(3, dtype=dtype)
    # the second row is class 0, which scores 20,000 less than class 2
    expected = (
        torch.tensor(1e4, dtype=dtype),
        torch.tensor([[5e3, 0.0, -5e3]], dtype=dtype),
        torch.tensor([-0.5, 0.0, 0.5], dtype=dtype),
    )

    assert_close(attempt.softmax_loss(X, y, W, b), expected)


@PENALTIES
@pytest.mark.parametrize("steps", [1, 2, 20], ids="{}-steps".format)
def test_each_step_follows_autograd(attempt, steps, l2):
    X, y, _, _ = draw()
    expected = descend(X, y, 4, 0.2, steps, l2)

    assert_close(attempt.fit_softmax(X, y, 4, lr=0.2, steps=steps, l2=l2), expected)


@pytest.mark.parametrize("lr", [0.01, 0.5], ids="lr={}".format)
def test_the_learning_rate_scales_a_step(attempt, lr):
    X, y, _, _ = draw()
    expected = descend(X, y, 4, lr, 3)

    assert_close(attempt.fit_softmax(X, y, 4, lr=lr, steps=3), expected)


def test_no_steps_leave_zeros(attempt):
    X, y, _, _ = draw()
    expected = torch.zeros(3, 4, dtype=torch.float64), torch.zeros(4, dtype=torch.float64)

    assert_close(attempt.fit_softmax(X, y, 4, lr=0.1, steps=0), expected)


@pytest.mark.parametrize("K", [6, 9], ids="{}-classes".format)
def test_classes_may_be_missing(attempt, K):
    X, y, _, _ = draw()
    y = (y + 1).clamp(max=3)
    expected = descend(X, y, K, 0.2, 5)

    assert_close(attempt.fit_softmax(X, y, K, lr=0.2, steps=5), expected)


def test_predicts_the_likeliest_class(attempt):
    X, _, W, b = draw(30)
    expected = (X @ W + b).softmax(dim=-1).argmax(dim=-1)

    assert_equal(attempt.predict(X, W, b), expected, label="classes")


def test_of_equal_classes_the_lowest_is_predicted(attempt):
    X, W = torch.ones(2, 1), torch.tensor([[0.0, 1.0, 2.0, 2.0, 1.0]])

    result = attempt.predict(X, W, torch.zeros(5))

    assert_equal(result, torch.tensor([2, 2]), label="classes")


def test_no_rows_have_no_classes(attempt):
    _, _, W, b = draw()

    result = attempt.predict(torch.zeros(0, 3, dtype=torch.float64), W, b)

    assert_equal(result, torch.zeros(0, dtype=torch.int64), label="classes")


@pytest.mark.parametrize(
    "dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str
)
def test_returns_float32_unless_x_is_float64(attempt, dtype):
    X, y, W, b = draw(dtype=dtype)
    wide = [part.double() for part in (X, W, b)]
    wanted = torch.float64 if dtype == torch.float64 else torch.float32
    loss = objective(wide[0], y, *wide[1:], 0.2), *slopes(wide[0], y, *wide[1:], 0.2)
    fit = descend(X, y, 4, 0.2, 3, 0.2)

    results = (
        attempt.softmax_loss(X, y, W, b, l2=0.2),
        attempt.fit_softmax(X, y, 4, lr=0.2, steps=3, l2=0.2),
    )

    for got, want in zip(results, (loss, fit), strict=True):
        assert_close(got, [part.to(wanted) for part in want])


def test_the_dtype_of_the_weights_is_their_own(attempt):
    X, y, W, b = draw()
    W, b = W.float(), b.bfloat16()
    exact = X, y, W.double(), b.double()
    expected = objective(*exact), *slopes(*exact)

    assert_close(attempt.softmax_loss(X, y, W, b), expected, label="loss and gradients")


def test_classes_are_predicted_in_float64(attempt):
    X = torch.tensor([[1.0, 1.0]])
    # in float32 all scores are 1e8; in float64 the last is larger
    W = torch.tensor([[1e8, 1e8, 1e8], [0.0, 0.0, 1.0]])

    result = attempt.predict(X, W, torch.zeros(3))

    assert_equal(result, torch.tensor([2]), label="classes")


def test_float64_is_computed_in_float64(attempt):
    X, y, W, b = draw()
    expected = objective(X, y, W, b), *slopes(X, y, W, b)
    tolerance = {"rtol": 1e-11, "atol": 1e-12, "why": "float64 has 16 digits"}

    assert_close(attempt.softmax_loss(X, y, W, b), expected, **tolerance, label="the loss")


def test_accepts_a_transposed_matrix(attempt):
    X, y, W, b = draw()
    X = X.T.contiguous().T
    expected = (objective(X, y, W, b), *slopes(X, y, W, b)), descend(X, y, 4, 0.1, 2)

    assert_close(attempt.softmax_loss(X, y, W, b), expected[0], label="loss and gradients")
    assert_close(attempt.fit_softmax(X, y, 4, lr=0.1, steps=2), expected[1], label="the fit")


@pytest.mark.parametrize("wide", [False, True], ids=["float32-weights", "float64-weights"])
def test_scores_of_float32_inputs_are_computed_in_float64(attempt, wide):
    # the scores are 1 and 0; in float32 both are 0
    large = 2.0**30
    X, W = torch.tensor([[large, 1.0, -large]]), torch.tensor([[1.0, 0.0]] * 3)
    if wide:
        X, W = (
            torch.ones(1, 2),
            torch.tensor([[large + 1, 0.0], [-large, 0.0]], dtype=torch.float64),
        )
    y, b = torch.tensor([1]), torch.zeros(2, dtype=W.dtype)
    exact = X.double(), y, W.double(), b.double()
    expected = tuple(part.float() for part in (objective(*exact), *slopes(*exact)))

    assert_close(attempt.softmax_loss(X, y, W, b), expected, label="loss and gradients")


def test_the_fit_of_float32_inputs_is_computed_in_float64(attempt):
    # in float32 the small numbers are lost beside the large ones
    X = torch.tensor([[2.0**27], [3.0], [1.0], [-(2.0**27)], [5.0]])
    y = torch.zeros(5, dtype=torch.int64)
    W, b = descend(X, y, 2, 0.1, 1)

    assert_close(attempt.fit_softmax(X, y, 2, lr=0.1, steps=1), (W.float(), b.float()))


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
        attempt.softmax_loss(X, y, torch.ones(2, 3), torch.zeros(3))
    with pytest.raises(ValueError):
        attempt.fit_softmax(X, y, 3, lr=0.1, steps=1)


@pytest.mark.parametrize("label", [-1, -100, 4], ids=["minus-1", "minus-100", "4"])
@pytest.mark.parametrize("steps", [0, 1], ids="{}-steps".format)
def test_rejects_classes_out_of_range(attempt, label, steps):
    X, y, W, b = draw()
    y[3] = label

    with pytest.raises(ValueError):
        attempt.softmax_loss(X, y, W, b)
    with pytest.raises(ValueError):
        attempt.fit_softmax(X, y, 4, lr=0.1, steps=steps)


def test_all_is_made_on_the_device_of_x(attempt):
    X, y, W, b = draw()

    assert_follows_device(attempt.softmax_loss, X, y, W, b, l2=0.1)
    assert_follows_device(attempt.fit_softmax, X, y, 4, lr=0.1, steps=2)
    assert_follows_device(attempt.predict, X, W, b)


def test_runs_without_autograd(attempt):
    X, y, W, b = draw()
    expected = (objective(X, y, W, b, 0.3), *slopes(X, y, W, b, 0.3))
    expected = expected, descend(X, y, 4, 0.1, 2, 0.3)

    with torch.inference_mode():
        result = attempt.softmax_loss(X, y, W, b, l2=0.3)
        fit = attempt.fit_softmax(X, y, 4, lr=0.1, steps=2, l2=0.3)

    assert_close(result, expected[0], label="loss and gradients")
    assert_close(fit, expected[1], label="the fit")
