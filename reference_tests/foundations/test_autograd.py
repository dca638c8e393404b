"""Everything is compared with torch's autograd on float64 scalars."""

import sys

import pytest
import torch

from grader.testing import assert_close

OPERATIONS = {
    "a + b": lambda a, b: a + b,
    "a + 2": lambda a, b: a + 2,
    "1.5 + a": lambda a, b: 1.5 + a,
    "a - b": lambda a, b: a - b,
    "a - 2": lambda a, b: a - 2,
    "3 - a": lambda a, b: 3 - a,
    "-a": lambda a, b: -a,
    "a * b": lambda a, b: a * b,
    "a * 2.5": lambda a, b: a * 2.5,
    "3 * a": lambda a, b: 3 * a,
    "a / b": lambda a, b: a / b,
    "a / 4": lambda a, b: a / 4,
    "2 / a": lambda a, b: 2 / a,
    "a ** 3": lambda a, b: a**3,
    "(a * a) ** 0.5": lambda a, b: (a * a) ** 0.5,
    "a ** -2": lambda a, b: a**-2,
    "a.exp()": lambda a, b: a.exp(),
    "(a * a).log()": lambda a, b: (a * a).log(),
    "a.tanh()": lambda a, b: a.tanh(),
    "a.relu() - (-a).relu() * b": lambda a, b: a.relu() - (-a).relu() * b,
}


def draw(count=2):
    """Numbers of either sign, well off 0 and 1 in size."""
    signs = torch.randint(2, (count,)) * 2 - 1
    return ((1.2 + torch.rand(count, dtype=torch.float64)) * signs).tolist()


def lines_run(function):
    """How many lines of Python a call runs: its work, without a clock."""
    count = 0

    def trace(frame, event, arg):
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        function()
    finally:
        sys.settrace(before)
    return count


def frames():
    """How deep the stack is now."""
    count, frame = 0, sys._getframe()
    while frame:
        count, frame = count + 1, frame.f_back
    return count


def expect(function, numbers):
    """The result by torch, and its derivative by each number."""
    leaves = [torch.tensor(n, dtype=torch.float64, requires_grad=True) for n in numbers]
    result = function(*leaves)
    found = torch.autograd.grad(result, leaves, allow_unused=True)
    return result.item(), [0.0 if g is None else g.item() for g in found]


def check(attempt, function, numbers, of="of the result"):
    data, derivatives = expect(function, numbers)
    leaves = [attempt.Value(n) for n in numbers]

    result = function(*leaves)
    assert_close(result.data, data, label=f"the data {of}")
    result.backward()

    assert_close([leaf.grad for leaf in leaves], derivatives, label=f"the grads of the inputs {of}")


def test_each_operation_matches_torch(attempt):
    for name, operation in OPERATIONS.items():
        check(attempt, operation, draw(), f"of {name}")


def test_a_new_value_holds_its_number_and_no_gradient(attempt):
    value = attempt.Value(2.5)

    assert_close([value.data, value.grad], [2.5, 0.0], label="data and grad")


@pytest.mark.parametrize(
    "function",
    [
        pytest.param(lambda x: x * x, id="product"),
        pytest.param(lambda x: x + x, id="sum"),
        pytest.param(lambda x: x / x + x, id="quotient"),
        pytest.param(lambda x: (x + 1) * (x + 2), id="two-branches"),
    ],
)
def test_a_value_used_twice_gets_the_sum_of_both_ways(attempt, function):
    check(attempt, function, draw(1))


@pytest.mark.parametrize(
    "function",
    [
        pytest.param(lambda a, b: (lambda c: c * (c + b).tanh())(a * b), id="short-way-first"),
        pytest.param(lambda a, b: (lambda c: (c + b).tanh() * c)(a * b), id="long-way-first"),
        pytest.param(lambda a, b: (lambda c: c + (c + c * c) * c)(a * b), id="three-ways"),
    ],
)
def test_a_value_waits_for_all_that_use_it(attempt, function):
    check(attempt, function, draw())


def test_a_larger_expression_matches_torch(attempt):
    def function(a, b, c, d):
        e = a * b + c.tanh() / d
        f = (e - a).relu() + (e * e + 1).log() - 2 / (b * b + 1)
        g = (f * c + e * 0.1).tanh() * (a - f) ** 2
        return g * e + f / (g * g + 3) + (-e * 0.1).exp() - 1

    check(attempt, function, draw(4))


def test_what_lies_between_has_a_gradient_too(attempt):
    a, b = map(attempt.Value, (2.0, 3.0))
    between = a * b
    result = between * between + a

    result.backward()

    # by between: 2 * 6; by a: 12 * 3 + 1; by b: 12 * 2
    grads = [node.grad for node in (result, between, a, b)]
    assert_close(grads, [1.0, 12.0, 37.0, 24.0], label="grads of result, between, a and b")


def test_a_leaf_is_its_own_result(attempt):
    leaf = attempt.Value(5.0)
    leaf.backward()

    assert_close(leaf.grad, 1.0, label="grad")


def test_a_second_backward_adds_the_same_again(attempt):
    a, b = map(attempt.Value, (2.0, 3.0))
    between = a * b
    result = between * between + a
    result.backward()
    result.backward()

    grads = [node.grad for node in (result, between, a, b)]
    assert_close(grads, [2.0, 24.0, 74.0, 48.0], label="grads of result, between, a and b")


def test_two_results_that_share_a_part_add_up(attempt):
    a, b = map(attempt.Value, (2.0, 3.0))
    shared = a * b
    (shared * shared).backward()
    (shared * 5).backward()

    # by shared: 12 and 5
    grads = [node.grad for node in (shared, a, b)]
    assert_close(grads, [17.0, 51.0, 34.0], label="grads of shared, a and b")


def test_a_grad_that_the_caller_sets_is_added_to(attempt):
    a, b = map(attempt.Value, (2.0, 3.0))
    result = a * b
    result.backward()
    a.grad, b.grad, result.grad = 0.0, 10.0, 0.0
    result.backward()

    assert_close([a.grad, b.grad], [3.0, 12.0], label="grads of a and b")


def test_values_that_are_no_part_of_the_result_keep_their_grad(attempt):
    a, b, c = map(attempt.Value, (2.0, 3.0, 4.0))
    unused = a * c
    (a * b).backward()

    assert_close([c.grad, unused.grad], [0.0, 0.0], label="grads of c and of a * c")


def test_operands_keep_their_data(attempt):
    a, b = map(attempt.Value, (2.0, 3.0))
    total = a
    total += b
    total *= a
    total.backward()

    assert_close([a.data, b.data, total.data], [2.0, 3.0, 10.0], label="data of a, b and total")


def test_relu_has_no_slope_at_zero(attempt):
    zero = attempt.Value(0.0)
    zero.relu().backward()

    assert_close(zero.grad, 0.0, label="grad")


@pytest.mark.parametrize("number, slope", [(0.25, 1.0), (-0.25, 0.0)], ids=["above", "below"])
def test_relu_is_as_steep_near_zero_as_far_from_it(attempt, number, slope):
    value = attempt.Value(number)
    result = value.relu()
    result.backward()

    assert_close([result.data, value.grad], [max(number, 0.0), slope], label="data, grad")


@pytest.mark.parametrize("number", [1e4, -1e4], ids=["large", "very-negative"])
def test_tanh_of_a_large_number_does_not_overflow(attempt, number):
    value = attempt.Value(number)
    result = value.tanh()
    result.backward()

    assert_close([result.data, value.grad], [1.0 if number > 0 else -1.0, 0.0], label="data, grad")


def test_the_slope_of_x_to_the_first_is_one_at_zero(attempt):
    zero = attempt.Value(0.0)
    (zero**1).backward()

    assert_close(zero.grad, 1.0, label="grad")


def test_a_long_chain_does_not_meet_the_recursion_limit(attempt):
    leaf = attempt.Value(1.0)
    result = leaf
    for _ in range(150):
        result = result + 1
    usual = sys.getrecursionlimit()
    # 150 links under a low limit are what 10,000 are under the usual one
    low = frames() + 100
    sys.setrecursionlimit(low)
    try:
        result.backward()
        after = sys.getrecursionlimit()
    finally:
        sys.setrecursionlimit(usual)

    assert after == low, "backward() changes Python's recursion limit"
    assert_close([result.data, leaf.grad], [151.0, 1.0], label="data and grad")


def test_many_paths_take_no_longer_than_their_operations(attempt):
    def doubled(times):
        leaf = result = attempt.Value(1.0)
        for _ in range(times):
            result = result + result
        return leaf, result

    leaf, result = doubled(15)
    # the difference leaves out what a call costs whatever the graph is
    lines = lines_run(result.backward) - lines_run(doubled(2)[1].backward)

    assert_close(leaf.grad, 2.0**15, label="grad")
    # 13 Values more take some hundred lines, 32,764 paths more take two lines each or more
    assert lines < 20_000


def test_data_that_the_caller_sets_counts_from_then_on(attempt):
    a, b = map(attempt.Value, (2.0, 3.0))
    a.data = 7.0
    result = a * b
    result.backward()

    assert_close([result.data, a.grad, b.grad], [21.0, 3.0, 7.0], label="data, grads of a and b")
