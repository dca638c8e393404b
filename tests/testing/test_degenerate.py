"""spoil: what functions answer in place of the right answer."""

from collections import namedtuple
from dataclasses import dataclass

import numpy
import pytest
import torch

from grader.testing import assert_close, assert_equal, observe
from grader.testing.degenerate import spoil


@pytest.fixture(autouse=True)
def _unobserved(monkeypatch) -> None:
    """A program's answers are spoilt for as long as it lives; a test's are not."""
    monkeypatch.setattr(observe, "_observers", [])


Pair = namedtuple("Pair", ["left", "right"])
x = torch.tensor([1.0, 2.0, 6.0])


@dataclass
class Run:
    answer: str | None
    steps: int


def answer(kind: str, right: object, *given: object) -> object:
    """What a function that should return `right` returns instead."""
    namespace = {"f": lambda *args: right}
    spoil(namespace, {"f": []}, kind, "replaced", "compared")
    return namespace["f"](*given)


ANSWERS = {
    "a tensor": (x, [0, 0, 0], [3, 3, 3], [7, 8, 9]),
    "a number in a tensor": (torch.tensor(6.0), 0, 1, 0),
    "integers": (torch.tensor([5, 6]), [0, 0], [1, 1], [0, 0]),
    "booleans": (torch.tensor([True, False]), [False, False], [True, True], [False, False]),
}


@pytest.mark.parametrize(("right", "zeros", "constant", "given"), ANSWERS.values(), ids=ANSWERS)
def test_tensors_keep_their_shape_and_dtype(right, zeros, constant, given):
    inputs = [torch.tensor([[7.0, 8.0, 9.0]]), torch.tensor([7.0, 8.0, 9.0]), x.double()]
    for kind, expected in (("zeros", zeros), ("constant", constant), ("input", given)):
        found = answer(kind, right, *inputs)

        assert found.tolist() == expected
        assert found.dtype == right.dtype


def test_values_without_tensors_are_emptied_or_alike():
    values = ("ab", 3, 2.5, True, None, [1, 2], {"a": 1}, ("x", [1]), Pair(1, "b"), Run("no", 2))

    assert [answer("zeros", value) for value in values] == [
        "", 0, 0.0, False, None, [], {}, ("", []), Pair(0, ""), Run("", 0)
    ]  # fmt: skip
    assert [answer("constant", value) for value in values] == [
        "constant", 1, 1.0, True, None, [1, 1], {"a": 1}, ("constant", [1]),
        Pair(1, "constant"), Run("constant", 1),
    ]  # fmt: skip
    assert [answer("input", value, "question", 8, [4]) for value in values] == [
        "question", 8, 0.0, False, None, [4], {}, ("question", [4]), Pair(8, "question"),
        Run("question", 8),
    ]  # fmt: skip


def test_lists_of_tensors_keep_their_length():
    zeros = answer("zeros", [x, {"a": x}])

    assert [zeros[0].tolist(), zeros[1]["a"].tolist()] == [[0, 0, 0], [0, 0, 0]]


def test_arrays_are_replaced_as_tensors_are():
    array = numpy.array([1.0, 3.0])

    assert answer("constant", array).tolist() == [2, 2]
    assert answer("input", array, numpy.array([8.0, 9.0])).tolist() == [8, 9]


def test_gradients_flow_and_are_degenerate_too():
    leaf = x.clone().requires_grad_()
    namespace = {"f": lambda x: x * 2}
    spoil(namespace, {"f": []}, "zeros", "replaced", "compared")

    (gradient,) = torch.autograd.grad(namespace["f"](leaf).sum(), leaf)

    assert gradient.tolist() == [0, 0, 0]


def test_nan_and_infinity_do_not_spread():
    right = torch.tensor([float("nan"), float("inf"), 3.0], requires_grad=True)

    assert answer("constant", right).tolist() == [1, 1, 1]
    assert answer("zeros", right).tolist() == [0, 0, 0]


def test_an_input_is_returned_as_a_copy():
    assert answer("input", x + 1, x) is not x


def test_calls_within_the_solution_stay_right():
    namespace = {}
    exec("def g(x): return x * 2\ndef f(x): return g(x) + g(x).sum()", namespace)
    spoil(namespace, {"f": [], "g": []}, "constant", "replaced", "compared")

    # the mean of 18 + (2, 4, 12)
    assert namespace["f"](x).tolist() == [24, 24, 24]


class Doubler(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.factor = 2

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.factor * x


def test_methods_are_replaced_and_constructors_work():
    namespace = {"Doubler": type("Doubler", (Doubler,), {})}
    spoil(namespace, {"Doubler": ["__init__", "forward"]}, "zeros", "replaced", "compared")

    assert namespace["Doubler"]()(x).tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("right", "replaced"),
    [
        (x, True), (0, True), ("a", True), ([0], True), (Run(None, 0), True), ((None, x), True),
        (x[:0], False), ("", False), ([], False), ((x[:0], [], None), False), (None, False),
    ],
    ids=str,
)  # fmt: skip
def test_only_what_there_is_to_replace_is_marked(capsys, right, replaced: bool):
    answer("zeros", right)

    assert capsys.readouterr().out == ("replaced\n" if replaced else "")


def test_comparisons_are_told_but_not_those_of_what_was_given(capsys):
    namespace = {"f": lambda x: x * 2}
    spoil(namespace, {"f": []}, "zeros", "replaced", "compared")
    result = namespace["f"](x)
    assert_close(x, x.clone())
    said = capsys.readouterr().out
    assert_close(result, torch.zeros(3))
    assert_equal(len(result), 3)

    assert said == "replaced\n"
    assert capsys.readouterr().out == "compared\n" * 2


def test_errors_pass_through_unmarked(capsys):
    def fail(x: object) -> None:
        raise ValueError("mine")

    namespace = {"f": fail}
    spoil(namespace, {"f": []}, "zeros", "replaced", "compared")
    with pytest.raises(ValueError, match="mine"):
        namespace["f"](1)

    assert capsys.readouterr().out == ""
