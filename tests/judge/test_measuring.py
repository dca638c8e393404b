"""What a benchmark says a call costs: bytes that live at once, FLOPs, operators, bounds."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from grader.judge.child.measuring import _certain, _cost

KB = 1000
X = torch.ones(250)  # 1 kB


def scratch(x: Tensor) -> Tensor:
    for _ in range(5):
        x = x + 1
    return x


def kept(x: Tensor) -> Tensor:
    return torch.stack([x + n for n in range(5)])


def grown_in_place(x: Tensor) -> Tensor:
    return x.clone().add_(1).mul_(2)


def backward(x: Tensor) -> Tensor:
    leaf = x.clone().requires_grad_()
    return torch.autograd.grad((leaf * 2).sum(), leaf)[0]


@pytest.mark.parametrize(
    ("function", "peak"),
    [
        pytest.param(lambda x: x, 0, id="nothing"),
        pytest.param(lambda x: x[10:].view(8, 30).T, 0, id="views"),
        pytest.param(lambda x: x.expand(100, 250), 0, id="expanded"),
        pytest.param(lambda x: x * 2, 1 * KB, id="result"),
        # a new one and the one before it
        pytest.param(scratch, 2 * KB, id="scratch"),
        pytest.param(kept, 10 * KB, id="kept"),
        pytest.param(grown_in_place, 1 * KB, id="in-place"),
        pytest.param(lambda x: torch.zeros(1000, 250).sum(), 1000 * KB + 4, id="temporary"),
        pytest.param(lambda x: torch.tensor([0.0] * 250), 1 * KB, id="from-a-list"),
    ],
)
def test_bytes_are_those_that_live_at_once(function: Callable[[Tensor], Tensor], peak: int) -> None:
    assert _cost(lambda: function(X), torch.device("cpu"))[0] == peak


def test_a_backward_pass_counts() -> None:
    # the copy, twice it, and the gradients
    assert _cost(lambda: backward(X), torch.device("cpu"))[0] >= 2 * KB


def test_a_second_call_costs_the_same() -> None:
    costs = [_cost(lambda: scratch(X), torch.device("cpu")) for _ in range(3)]

    assert costs == [costs[0]] * 3


def test_without_tensors_the_bytes_are_those_of_python() -> None:
    peak, flops, operators = _cost(lambda: bytearray(1 << 20), torch.device("cpu"))

    assert 1 << 20 <= peak < 2 << 20
    assert (flops, operators) == (0, 0)


def test_products_and_operators_are_counted() -> None:
    a, b = torch.ones(3, 4), torch.ones(4, 5)

    _, flops, operators = _cost(lambda: a @ b, torch.device("cpu"))

    assert (flops, operators) == (2 * 3 * 4 * 5, 1)


@pytest.mark.parametrize(("count", "outside"), [(8, 0), (11, 0), (12, 1), (15, 2), (40, 11)])
def test_bounds_leave_out_what_one_chance_in_a_hundred_allows(count: int, outside: int) -> None:
    # tables of the sign test give these
    assert _certain(range(count)) == (outside, count - 1 - outside)
