"""Values are compared in float64, where only logic, not rounding, can differ."""

import pytest
import torch

from grader.testing import assert_close, assert_follows_device

SHAPES = pytest.mark.parametrize(
    "N, D",
    [
        pytest.param(20, 3, id="tall"),
        pytest.param(10, 5, id="twice-as-tall-as-wide"),
        pytest.param(30, 1, id="one-column"),
    ],
)
EXACT = {"rtol": 1e-8, "atol": 1e-9, "why": "linear equations in float64"}


def draw(N, D, dtype=torch.float64):
    """Columns of different spread and place, and targets that no plane fits."""
    X = (1 + torch.arange(D)) * torch.randn(N, D, dtype=torch.float64) + 3
    y = X @ torch.randn(D, dtype=torch.float64) + 5 + torch.randn(N, dtype=torch.float64)
    return X.to(dtype), y.to(dtype)


def least_squares(X, y):
    """By torch's own solver, with a column of ones."""
    ones = torch.ones(len(X), 1, dtype=X.dtype)
    found = torch.linalg.lstsq(torch.cat([X, ones], dim=1), y[:, None], driver="gelsd").solution
    return found[:-1, 0], found[-1, 0]


def ridge(X, y, l2):
    """As least squares, with rows for the penalty: sqrt(N * l2) * w[d] shall be 0."""
    N, D = X.shape
    rows = (N * l2) ** 0.5 * torch.eye(D, dtype=X.dtype)
    ones = torch.cat([torch.ones(N, dtype=X.dtype), torch.zeros(D, dtype=X.dtype)])
    A = torch.cat([torch.cat([X, rows]), ones[:, None]], dim=1)
    t = torch.cat([y, torch.zeros(D, dtype=X.dtype)])
    found = torch.linalg.lstsq(A, t[:, None], driver="gelsd").solution
    return found[:-1, 0], found[-1, 0]


def descend(X, y, lr, steps, l2=0.0):
    """With gradients by autograd."""
    w = torch.zeros(X.shape[1], dtype=torch.float64, requires_grad=True)
    b = torch.zeros((), dtype=torch.float64, requires_grad=True)
    for _ in range(steps):
        loss = (X.double() @ w + b - y.double()).square().mean() + l2 * w.square().sum()
        by_w, by_b = torch.autograd.grad(loss, (w, b))
        w = (w - lr * by_w).detach().requires_grad_()
        b = (b - lr * by_b).detach().requires_grad_()
    return w.detach(), b.detach()


@SHAPES
def test_the_fit_matches_least_squares(attempt, N, D):
    X, y = draw(N, D)
    expected = least_squares(X, y)

    assert_close(attempt.fit_normal(X, y), expected, **EXACT)


def test_recovers_a_line_exactly(attempt):
    X = torch.tensor([[0.0], [1.0], [2.0], [5.0]], dtype=torch.float64)
    w, b = torch.tensor([3.0], dtype=torch.float64), torch.tensor(-2.0, dtype=torch.float64)
    y = X @ w + b

    assert_close(attempt.fit_normal(X, y), (w, b), **EXACT)


def test_matches_a_case_worked_out_by_hand(attempt):
    # means 1 and 2; sums of products 4 and of squares 2, and with l2 = 1/3 the latter is 3
    X = torch.tensor([[0.0], [1.0], [2.0]], dtype=torch.float64)
    y = torch.tensor([0.0, 2.0, 4.0], dtype=torch.float64)
    expected = torch.tensor([4 / 3]).double(), torch.tensor(2 - 4 / 3).double()

    assert_close(
        attempt.fit_normal(X, y, l2=1 / 3),
        expected,
        rtol=1e-6,
        atol=1e-6,
        why="the expected numbers are rounded to float32",
    )


@SHAPES
@pytest.mark.parametrize("l2", [0.1, 3.0], ids="l2={}".format)
def test_the_penalty_shrinks_the_weights_as_much_as_it_should(attempt, N, D, l2):
    X, y = draw(N, D)
    expected = ridge(X, y, l2)

    assert_close(attempt.fit_normal(X, y, l2=l2), expected, **EXACT)


def test_a_penalty_is_counted_in_float64(attempt):
    X, y = draw(20, 3)
    expected = ridge(X, y, 2.7183)

    result = attempt.fit_normal(X, y, l2=2.7183)

    assert_close(result, expected, rtol=1e-11, atol=1e-11, why="float64 has 16 digits")


@pytest.mark.parametrize("N, D", [(4, 7), (1, 3), (5, 5)], ids=["wide", "one-row", "square"])
def test_with_a_penalty_there_may_be_few_rows(attempt, N, D):
    X, y = draw(N, D)
    expected = ridge(X, y, 0.5)

    assert_close(attempt.fit_normal(X, y, l2=0.5), expected, **EXACT)


def test_with_a_penalty_columns_may_repeat(attempt):
    X, y = draw(20, 3)
    X = torch.cat([X, X[:, :1]], dim=1)
    expected = ridge(X, y, 0.5)

    assert_close(attempt.fit_normal(X, y, l2=0.5), expected, **EXACT)


@pytest.mark.parametrize("l2", [0.0, 0.1], ids="l2={}".format)
def test_columns_far_from_zero_keep_their_digits(attempt, l2):
    X = torch.randn(50, 3, dtype=torch.float64) + 1e6
    y = (X - 1e6) @ torch.tensor([2.0, -3.0, 5.0], dtype=torch.float64) + 5
    w, _ = ridge(X - 1e6, y, l2)

    found, _ = attempt.fit_normal(X, y, l2=l2)

    assert_close(found, w, rtol=1e-6, atol=0.0, why="the error that the spec allows")


@pytest.mark.parametrize("l2", [0.0, 0.3], ids="l2={}".format)
@pytest.mark.parametrize("steps", [1, 2, 25], ids="{}-steps".format)
def test_each_step_follows_autograd(attempt, steps, l2):
    X, y = draw(12, 3)
    expected = descend(X, y, 0.01, steps, l2)

    assert_close(attempt.fit_descent(X, y, lr=0.01, steps=steps, l2=l2), expected, **EXACT)


@pytest.mark.parametrize("lr", [0.001, 0.02], ids="lr={}".format)
def test_the_learning_rate_scales_a_step(attempt, lr):
    X, y = draw(12, 3)
    expected = descend(X, y, lr, 3)

    assert_close(attempt.fit_descent(X, y, lr=lr, steps=3), expected, **EXACT)


def test_no_steps_leave_zeros(attempt):
    X, y = draw(12, 3)
    expected = torch.zeros(3, dtype=torch.float64), torch.zeros((), dtype=torch.float64)

    assert_close(attempt.fit_descent(X, y, lr=0.1, steps=0), expected)


def test_many_steps_arrive_where_the_equations_do(attempt):
    X = torch.randn(40, 2, dtype=torch.float64) + 0.3
    y = X @ torch.tensor([2.0, -1.0], dtype=torch.float64) + 4 + torch.randn(40).double()
    expected = ridge(X, y, 0.1)

    result = attempt.fit_descent(X, y, lr=0.15, steps=400, l2=0.1)

    assert_close(result, expected, rtol=1e-4, atol=1e-4, why="400 steps")


def test_descent_takes_columns_that_depend_on_each_other(attempt):
    X, y = draw(12, 2)
    X = torch.cat([X, X[:, :1]], dim=1)
    expected = descend(X, y, 0.01, 5)

    assert_close(attempt.fit_descent(X, y, lr=0.01, steps=5), expected, **EXACT)


def test_float32_is_solved_in_float64(attempt):
    X = torch.randn(50, 2)
    # two columns that are alike up to 1/1,000
    X = torch.stack([X[:, 0], X[:, 0] + 1e-3 * X[:, 1]], dim=1)
    y = X @ torch.tensor([3.0, -1.0]) + 2 + 1e-3 * torch.randn(50)
    expected = tuple(part.float() for part in least_squares(X.double(), y.double()))

    assert_close(
        attempt.fit_normal(X, y),
        expected,
        rtol=1e-4,
        atol=1e-4,
        why="float64 equations of condition 10^7",
    )


@pytest.mark.parametrize(
    "dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str
)
def test_returns_float32_unless_x_is_float64(attempt, dtype):
    X, y = draw(12, 3, dtype)
    wanted = torch.float64 if dtype == torch.float64 else torch.float32
    expected = ridge(X.double(), y.double(), 0.2), descend(X, y, 0.01, 3, 0.2)
    tolerance = {"rtol": 1e-5, "atol": 1e-5, "why": "rounded to float32 at the end"}

    by_equations = attempt.fit_normal(X, y, l2=0.2)
    by_descent = attempt.fit_descent(X, y, lr=0.01, steps=3, l2=0.2)

    for got, want in ((by_equations, expected[0]), (by_descent, expected[1])):
        assert_close(got, tuple(part.to(wanted) for part in want), **tolerance)


def test_accepts_a_transposed_matrix(attempt):
    X, y = draw(12, 3)
    X = X.T.contiguous().T
    expected = least_squares(X, y), descend(X, y, 0.01, 2)

    assert_close(attempt.fit_normal(X, y), expected[0], **EXACT)
    assert_close(attempt.fit_descent(X, y, lr=0.01, steps=2), expected[1], **EXACT)


def test_columns_of_a_small_spread_keep_their_digits(attempt):
    X, y = draw(20, 3)
    X = 1e-4 * X
    expected = least_squares(X, y)

    assert_close(attempt.fit_normal(X, y), expected, **EXACT)


def test_descent_is_computed_in_float64(attempt):
    # in float32 the small numbers are lost beside the large ones
    X = torch.tensor([[2.0**27], [3.0], [1.0], [-(2.0**27)], [5.0]])
    y = torch.ones(5)
    w, b = descend(X, y, 0.01, 1)

    assert_close(attempt.fit_descent(X, y, lr=0.01, steps=1), (w.float(), b.float()))


@pytest.mark.parametrize(
    "of_X, of_y",
    [
        pytest.param((5, 2), (4,), id="another-number-of-rows"),
        pytest.param((5, 2), (5, 1), id="a-column-of-targets"),
        pytest.param((5,), (5,), id="a-vector-of-inputs"),
        pytest.param((5, 2), (), id="one-target"),
        pytest.param((5, 2, 1), (5,), id="three-axes"),
    ],
)
def test_rejects_shapes_that_do_not_fit(attempt, of_X, of_y):
    X, y = torch.randn(of_X), torch.randn(of_y)

    with pytest.raises(ValueError):
        attempt.fit_normal(X, y, l2=0.1)
    with pytest.raises(ValueError):
        attempt.fit_descent(X, y, lr=0.1, steps=1)


def test_all_is_made_on_the_device_of_x(attempt):
    X, y = draw(12, 3)

    assert_follows_device(attempt.fit_normal, X, y, l2=0.1)
    assert_follows_device(attempt.fit_descent, X, y, lr=0.01, steps=2)
