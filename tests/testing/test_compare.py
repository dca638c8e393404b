"""assert_close and assert_equal: what they take for the same, and how they tell the rest."""

import math
from collections import Counter, OrderedDict, namedtuple

import numpy
import pytest
import torch

from grader.testing import Mismatch, assert_close, assert_equal
from grader.testing.difference import TOLERANCES

nan, inf = math.nan, math.inf
Point = namedtuple("Point", "x y")

SAME = {
    "floats": (1.0, 1.0 + 1e-9),
    "an int for a float": (2, 2.0),
    "a numpy float for a float": (numpy.float64(0.5), 0.5),
    "a float for a numpy float": (0.5, numpy.float64(0.5)),
    "a numpy int for an int": (numpy.int64(3), 3),
    "NaN for NaN": (nan, nan),
    "infinities": (-inf, -inf),
    "complex numbers": (1 + 1j, 1 + 1j),
    "booleans": (True, True),
    "a numpy boolean for a boolean": (numpy.bool_(True), True),
    "a boolean for a numpy boolean": (True, numpy.bool_(True)),
    "None": (None, None),
    "text": ("a", "a"),
    "bytes": (b"a", b"a"),
    "a list for a tuple": ([1, 2.0], (1, 2.0)),
    "a tuple for a list": ((1, 2.0), [1, 2.0]),
    "a list for a range": ([0, 1, 2], range(3)),
    "a named tuple for a tuple": (Point(1, 2), (1, 2)),
    "an ordered dict for a dict": (OrderedDict(b=2, a=1), {"a": 1, "b": 2}),
    "a Counter for a dict": (Counter("aab"), {"a": 2, "b": 1}),
    "a frozenset for a set": (frozenset({1, 2}), {1, 2}),
    "nested": ({"a": [(torch.ones(2), 1)]}, {"a": [(torch.ones(2), 1)]}),
    "nothing": ([], ()),
    "tensors": (torch.ones(2, 3), torch.ones(2, 3) + 1e-7),
    "a tensor that is not contiguous": (torch.arange(6.0).view(2, 3).T.contiguous().T,
                                        torch.arange(6.0).view(2, 3)),
    "an expanded tensor": (torch.ones(1).expand(3), torch.ones(3)),
    "a parameter for a tensor": (torch.nn.Parameter(torch.ones(2)), torch.ones(2)),
    "a tensor with a gradient": (torch.ones(2, requires_grad=True) * 1, torch.ones(2)),
    "tensors of no element": (torch.empty(0, 3), torch.empty(0, 3)),
    "tensors of no dimension": (torch.tensor(1.5), torch.tensor(1.5)),
    "NaN and infinities in the same places": (torch.tensor([nan, inf, -inf]),
                                              torch.tensor([nan, inf, -inf])),
    "a negative zero for a zero": (torch.tensor([-0.0]), torch.tensor([0.0])),
    "integers": (torch.tensor([2**62]), torch.tensor([2**62])),
    "boolean tensors": (torch.tensor([True]), torch.tensor([True])),
    "complex tensors": (torch.tensor([1j]), torch.tensor([1j])),
    "tensors of 8 bits": (torch.ones(2).to(torch.float8_e4m3fn),
                          torch.ones(2).to(torch.float8_e4m3fn)),
    "meta tensors": (torch.empty(2, device="meta"), torch.empty(2, device="meta")),
    "arrays": (numpy.ones((2, 2)), numpy.ones((2, 2))),
    "arrays that run backwards": (numpy.arange(3.0)[::-1], numpy.array([2.0, 1.0, 0.0])),
    "arrays of unsigned integers": (numpy.array([1], "uint32"), numpy.array([1], "uint32")),
    "empty arrays": (numpy.empty((0, 2)), numpy.empty((0, 2))),
}  # fmt: skip


@pytest.mark.parametrize(("actual", "expected"), SAME.values(), ids=SAME)
def test_what_is_the_same_passes(actual, expected):
    assert_close(actual, expected)


def three(dtype: torch.dtype) -> torch.Tensor:
    return torch.tensor([1.0, 2.0, 3.0]).to(dtype)


DIFFERENT = {
    "a value": (torch.tensor([1.0, 2.5]), torch.tensor([1.0, 2.0]),
                "result differs in 1 of 2 values"),
    "a float": (1.5, 1.0, "result is wrong: expected 1, got 1.5"),
    "a float far down": (1.0 + 1e-6, 1.0, "result is wrong: expected 1.0, got 1.000001"),
    "an int": (3, 4, "result is wrong: expected 4, got 3"),
    "an int beyond a float": (2**70 + 1, 2**70,
                              f"result is wrong: expected {2**70}, got {2**70 + 1}"),
    "a complex number": (1 + 1j, 1 + 2j, "result is wrong: expected (1+2j), got (1+1j)"),
    "text": ("a", "b", "result is wrong: expected 'b', got 'a'"),
    "a boolean": (True, False, "result is wrong: expected False, got True"),
    "NaN for a float": (nan, 1.0, "result is wrong: expected 1, got nan"),
    "a float for NaN": (1.0, nan, "result is wrong: expected nan, got 1"),
    "the other infinity": (-inf, inf, "result is wrong: expected inf, got -inf"),
    "no dimension": (torch.tensor(2.0), torch.tensor(1.0),
                     "result is wrong: expected 1, got 2"),
    "a shape": (torch.ones(2, 3), torch.ones(3, 2),
                "result has the wrong shape: expected (3, 2), got (2, 3)"),
    "a shape that would broadcast": (torch.ones(1), torch.ones(3),
                                     "result has the wrong shape: expected (3,), got (1,)"),
    "a dimension of one": (torch.ones(()), torch.ones(1),
                           "result has the wrong shape: expected (1,), got ()"),
    "a shape without elements": (torch.empty(0, 2), torch.empty(0, 3),
                                 "result has the wrong shape: expected (0, 3), got (0, 2)"),
    "a dtype": (three(torch.float32), three(torch.float64),
                "result has the wrong dtype: expected float64, got float32"),
    "a dtype without elements": (torch.empty(0), torch.empty(0).long(),
                                 "result has the wrong dtype: expected int64, got float32"),
    "a boolean tensor": (torch.tensor([True, True]), torch.tensor([True, False]),
                         "result differs in 1 of 2 values"),
    "an integer beyond a float": (torch.tensor([2**60]), torch.tensor([2**60 + 1]),
                                  "result differs in 1 of 1 values"),
    "8 bits": (three(torch.float8_e4m3fn), torch.ones(3).to(torch.float8_e4m3fn),
               "result differs in 2 of 3 values"),
    "a sparse tensor": (torch.eye(2).to_sparse(), torch.eye(2),
                        "result must be a dense tensor, got a sparse_coo one"),
    "a device": (torch.empty(2, device="meta"), torch.ones(2),
                 "result is on the wrong device: expected cpu, got meta"),
    "a list for a tensor": ([1.0], torch.ones(1),
                            "result has the wrong type: expected a tensor, got a list of 1"),
    "None for a tensor": (None, torch.ones(1),
                          "result has the wrong type: expected a tensor, got None"),
    "an array for a tensor": (numpy.ones(1), torch.ones(1),
                              "result has the wrong type: expected a tensor, got a ndarray"),
    "a tensor for an array": (torch.ones(1), numpy.ones(1),
                              "result has the wrong type: expected a numpy array, "
                              "got a tensor of shape (1,), float32"),
    "a tensor for a float": (torch.tensor(1.0), 1.0,
                             "result has the wrong type: expected a float, "
                             "got a tensor of shape (), float32"),
    "a tensor for a list": (torch.ones(2), [1.0, 1.0],
                            "result has the wrong type: expected a list, "
                            "got a tensor of shape (2,), float32"),
    "a float for an int": (1.0, 1, "result has the wrong type: expected an int, got a float, 1"),
    "a boolean for an int": (True, 1,
                             "result has the wrong type: expected an int, got a bool, True"),
    "an int for a boolean": (1, True,
                             "result has the wrong type: expected a bool, True, got an int, 1"),
    "text for a list": ("ab", ["a", "b"],
                        "result has the wrong type: expected a list, got a str, 'ab'"),
    "text for bytes": ("a", b"a",
                       "result has the wrong type: expected a bytes, b'a', got a str, 'a'"),
    "a list for a set": ([1], {1}, "result has the wrong type: expected a set, got a list of 1"),
    "a list for a dict": ([1], {0: 1},
                          "result has the wrong type: expected a dict, got a list of 1"),
    "a value for None": (0, None, "result has the wrong type: expected None, got an int, 0"),
    "too short": ([1], [1, 2], "result has the wrong length: expected 2, got 1"),
    "too long": ((1, 2), (1,), "result has the wrong length: expected 1, got 2"),
    "an item": ([1, 2, 4], [1, 2, 3], "result[2] is wrong: expected 3, got 4"),
    "deep within": ({"a": [(torch.ones(1),)]}, {"a": [(torch.zeros(1),)]},
                    "result['a'][0][0] differs in 1 of 1 values"),
    "a key": ({"a": 1, "c": 2}, {"a": 1, "b": 2}, "result has the wrong keys"),
    "an item of a set": ({1}, {1, 2}, "result lacks [2]"),
    "an item too many of a set": ({1, 3}, {1}, "result has too much: [3]"),
    "the dtype of an array": (numpy.ones(1, "float32"), numpy.ones(1),
                              "result has the wrong dtype: expected float64, got float32"),
    "the shape of an array": (numpy.ones((1, 2)), numpy.ones((2, 1)),
                              "result has the wrong shape: expected (2, 1), got (1, 2)"),
    "a value of an array": (numpy.array([1, 2]), numpy.array([1, 3]),
                            "result differs in 1 of 2 values"),
}  # fmt: skip


@pytest.mark.parametrize(("actual", "expected", "headline"), DIFFERENT.values(), ids=DIFFERENT)
def test_what_differs_is_said_in_one_line(words, actual, expected, headline: str):
    assert words(assert_close, actual, expected).splitlines()[0] == headline


def test_a_difference_is_placed_and_measured(words):
    expected = torch.full((2, 3), 2.0, dtype=torch.float64)
    actual = expected.clone()
    actual[0, 2], actual[1, 0] = 2.5, 0.0

    assert words(assert_close, actual, expected, label="the loss").splitlines() == [
        "the loss differs in 2 of 6 values",
        "first at [0, 2]: expected 2, got 2.5",
        "largest absolute error 2 at [1, 0]",
        "largest relative error 1 at [1, 0]",
    ]


def test_the_largest_error_is_that_of_a_value_which_is_wrong(words):
    # within its tolerance, and yet the larger of the two
    actual = torch.tensor([1e9 + 1000, 1.5])
    expected = torch.tensor([1e9, 1.0])

    assert "largest absolute error 0.5 at [1]" in words(assert_close, actual, expected)


def test_close_values_are_written_with_the_digits_that_differ(words):
    actual = torch.tensor([1.0 + 1e-6], dtype=torch.float64)

    assert "expected 1.0, got 1.000001" in words(assert_close, actual, torch.ones(1).double())


def test_nan_is_named_counted_and_placed(words):
    expected = torch.ones(2, 2)
    some, every = expected.clone(), expected * nan
    some[1, 0] = nan

    assert words(assert_close, some, expected).splitlines() == [
        "result is NaN at [1, 0]: 1 of 4 values are NaN",
        "first at [1, 0]: expected 1, got nan",
    ]
    assert "all values are NaN" in words(assert_close, every, expected)
    # where NaN is expected, a number is the mistake
    assert "differs in 1 of 4" in words(assert_close, expected, some)


def test_an_infinite_error_is_no_nan(words):
    said = words(assert_close, torch.tensor([inf, 1.0]), torch.tensor([1.0, 1.0]))

    assert "largest absolute error inf at [0]" in said
    # relative to zero an error has no size
    assert "relative" not in words(assert_close, torch.ones(1), torch.zeros(1))


@pytest.mark.parametrize("dtype", TOLERANCES, ids=str)
def test_the_tolerances_are_those_of_torch(dtype: torch.dtype):
    rtol, atol = TOLERANCES[dtype]
    base = torch.tensor([0.0, 1.0, 100.0]).to(dtype)

    for factor in (0.1, 0.5, 2.0, 10.0):
        moved = base + (factor * (atol + rtol * base)).to(dtype)
        try:
            torch.testing.assert_close(moved, base)
            same = True
        except AssertionError:
            same = False
        if same:
            assert_close(moved, base)
        else:
            with pytest.raises(Mismatch):
                assert_close(moved, base)


def test_integers_and_booleans_have_no_tolerance():
    with pytest.raises(Mismatch):
        assert_close(torch.tensor([10**9]), torch.tensor([10**9 + 1]))


def test_a_tolerance_carries_its_reason(words):
    actual, expected = torch.tensor([1.05]), torch.tensor([1.0])

    assert_close(actual, expected, rtol=0.1, atol=0.0, why="a coarse estimate")
    said = words(assert_close, actual, expected, rtol=0.01, atol=0.0, why="a coarse estimate")
    assert "(tolerance 0.01 relative, 0 absolute: a coarse estimate)" in said.splitlines()[0]


@pytest.mark.parametrize(
    "given",
    [
        {"rtol": 1.0},
        {"atol": 1.0},
        {"why": "so"},
        {"rtol": 1.0, "atol": 1.0},
        {"rtol": 1.0, "why": "so"},
        {"atol": 1.0, "why": "so"},
    ],
    ids=lambda given: " and ".join(given),
)
def test_half_a_tolerance_is_refused_even_where_values_agree(given):
    with pytest.raises(TypeError, match="carries its reason"):
        assert_close(1.0, 1.0, **given)


class Agrees:
    """Says yes to all."""

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False


class Float(float):
    def __eq__(self, other: object) -> bool:
        return True

    def __sub__(self, other: object) -> float:
        return 0.0

    __hash__ = float.__hash__


class Text(str):
    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False

    __hash__ = str.__hash__


class Numbers(list):
    def __iter__(self):
        return iter([1, 2, 3])

    def __len__(self) -> int:
        return 3


class Close(torch.Tensor):
    """Whatever is asked of it holds."""

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return True


@pytest.mark.parametrize(
    ("liar", "expected"),
    [
        (Agrees(), 1.0),
        (Agrees(), 1),
        (Agrees(), "text"),
        (Agrees(), None),
        (Agrees(), True),
        (Agrees(), torch.ones(2)),
        (Agrees(), [1, 2]),
        (Agrees(), {"a": 1}),
        (Agrees(), {1, 2}),
        (Agrees(), numpy.ones(2)),
        (Float(7), 1.0),
        (Text("no"), "text"),
        (Numbers([4, 5]), [1, 2, 3]),
        (torch.ones(2).as_subclass(Close), torch.zeros(2)),
        (torch.nn.Buffer(torch.ones(2)), torch.zeros(2)),
    ],
    ids=lambda value: f"{type(value).__name__}",
)
def test_a_class_that_lies_about_itself_is_not_believed(liar, expected):
    for compare in (assert_close, assert_equal):
        with pytest.raises(Mismatch):
            compare(liar, expected)


def test_a_repr_that_raises_is_shown_in_words(words):
    class Silent:
        def __repr__(self) -> str:
            raise RuntimeError("no")

    said = words(assert_close, {"a": 1, Silent(): 2}, {"a": 1})

    assert "whose __repr__ raises RuntimeError" in said


def test_long_values_are_cut(words):
    said = words(assert_close, "x" * 10_000, "y")

    assert len(said) < 400


def test_equal_means_without_tolerance(words):
    assert_close(torch.tensor([1.0 + 1e-6]), torch.ones(1))
    assert "differs" in words(assert_equal, torch.tensor([1.0 + 1e-6]), torch.ones(1))
    assert_close(0.1 + 0.2, 0.3)
    assert words(assert_equal, 0.1 + 0.2, 0.3) == (
        "result is wrong: expected 0.3, got 0.30000000000000004"
    )
    assert_close([[0.1 + 0.2]], [[0.3]])
    assert "result[0][0] is wrong" in words(assert_equal, [[0.1 + 0.2]], [[0.3]])


def test_equal_takes_what_is_the_same():
    for name, (actual, expected) in SAME.items():
        if name not in ("floats", "tensors"):
            assert_equal(actual, expected)
