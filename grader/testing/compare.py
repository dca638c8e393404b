"""Comparisons that say what a learner needs: what differs, where, and by how much.

Built on torch.allclose: torch.testing.assert_close imports sympy on its first
use, half a second in which the learner waits for a verdict.
"""

import math
import numbers
from collections.abc import Mapping, Sequence, Set
from types import MappingProxyType
from typing import Any

import numpy
import torch
from torch import Tensor

# torch.testing.assert_close's defaults: dtype -> (rtol, atol); every other dtype is exact
TOLERANCES = MappingProxyType(
    {
        torch.float16: (1e-3, 1e-5),
        torch.bfloat16: (1.6e-2, 1e-5),
        torch.float32: (1.3e-6, 1e-5),
        torch.float64: (1e-7, 1e-7),
        torch.complex64: (1.3e-6, 1e-5),
        torch.complex128: (1e-7, 1e-7),
    }
)
PLAIN_TENSORS = (Tensor, torch.nn.Parameter)


class Mismatch(AssertionError):
    """A claim that does not hold: one headline, and facts below it, a line each."""

    def __init__(self, headline: str, *facts: str) -> None:
        super().__init__("\n".join((headline, *facts)))
        self.headline = headline
        self.facts = facts


def assert_close(
    actual: object,
    expected: object,
    *,
    rtol: float | None = None,
    atol: float | None = None,
    why: str | None = None,
    label: str = "result",
) -> None:
    """Compare tensors, arrays, floats, and lists, tuples and dicts of them.

    Args:
        actual: What the attempt computed.
        expected: What it should be. Its type, shape and dtype are part of the claim.
        rtol, atol: Wider or narrower than torch.testing.assert_close's defaults;
            both together, and with a reason.
        why: The reason for these tolerances, shown to the learner.
        label: What the value is called in messages, such as "the gradient of q".

    Raises:
        Mismatch: They differ; says where first and by how much.
    """
    if (rtol is None) != (atol is None) or (rtol is None) != (why is None):
        raise TypeError("give rtol, atol and why together: a tolerance carries its reason")
    _compare(actual, expected, _Tolerance(rtol, atol, why), label, exact=False)


def assert_equal(actual: object, expected: object, *, label: str = "result") -> None:
    """Compare plain Python values and tensors exactly, without trusting their __eq__.

    Raises:
        Mismatch: They differ in type or value; says where first.
    """
    _compare(actual, expected, _Tolerance(0.0, 0.0, None), label, exact=True)


class _Tolerance:
    __slots__ = ("atol", "rtol", "why")

    def __init__(self, rtol: float | None, atol: float | None, why: str | None) -> None:
        self.rtol, self.atol, self.why = rtol, atol, why

    def of(self, dtype: torch.dtype) -> tuple[float, float]:
        if self.rtol is not None and self.atol is not None:
            return self.rtol, self.atol
        return TOLERANCES.get(dtype, (0.0, 0.0))

    def __str__(self) -> str:
        return f" (tolerance {self.rtol:g} relative, {self.atol:g} absolute: {self.why})"


def _compare(
    actual: object, expected: object, tolerance: _Tolerance, label: str, *, exact: bool
) -> None:
    if isinstance(expected, Tensor):
        _compare_tensors(actual, expected, tolerance, label)
    elif isinstance(expected, numpy.ndarray):
        _compare_arrays(actual, expected, tolerance, label)
    elif isinstance(expected, Mapping):
        _compare_mappings(actual, expected, tolerance, label, exact=exact)
    elif isinstance(expected, str | bytes) or expected is None:
        _compare_atoms(actual, expected, label)
    elif isinstance(expected, Sequence):
        _compare_sequences(actual, expected, tolerance, label, exact=exact)
    elif isinstance(expected, Set):
        _compare_sets(actual, expected, label)
    elif isinstance(expected, bool | numpy.bool_) or not isinstance(expected, numbers.Number):
        _compare_atoms(actual, expected, label)
    else:
        _compare_numbers(actual, expected, tolerance, label, exact=exact)


def _compare_tensors(actual: object, expected: Tensor, tolerance: _Tolerance, label: str) -> None:
    if not has_type(actual, *PLAIN_TENSORS):
        raise Mismatch(f"{label} has the wrong type: expected a tensor, got {named(actual)}")
    assert isinstance(actual, Tensor)
    if actual.shape != expected.shape:
        raise Mismatch(
            f"{label} has the wrong shape: "
            f"expected {tuple(expected.shape)}, got {tuple(actual.shape)}"
        )
    if actual.dtype != expected.dtype:
        raise Mismatch(
            f"{label} has the wrong dtype: "
            f"expected {bare(expected.dtype)}, got {bare(actual.dtype)}"
        )
    if actual.layout != expected.layout:
        raise Mismatch(f"{label} must be a dense tensor, got a {bare(actual.layout)} one")
    if actual.device != expected.device:
        raise Mismatch(
            f"{label} is on the wrong device: expected {expected.device}, got {actual.device}"
        )
    actual, expected = actual.detach(), expected.detach()
    if actual.device.type == "meta":
        return
    rtol, atol = tolerance.of(expected.dtype)
    if torch.allclose(actual, expected, rtol=rtol, atol=atol, equal_nan=True):
        return
    raise _difference(actual, expected, rtol, atol, tolerance, label)


def _difference(
    actual: Tensor,
    expected: Tensor,
    rtol: float,
    atol: float,
    tolerance: _Tolerance,
    label: str,
) -> Mismatch:
    """Say in words how two tensors of one shape and dtype differ."""
    wrong = ~torch.isclose(actual, expected, rtol=rtol, atol=atol, equal_nan=True)
    count, total = int(wrong.sum()), wrong.numel()
    suffix = str(tolerance) if tolerance.why else ""
    if wrong.dim() == 0:
        return Mismatch(f"{label} is wrong: {_versus(expected, actual)}{suffix}")
    first = tuple(wrong.nonzero()[0].tolist())
    facts = [f"first at {place(first)}: {_versus(expected[first], actual[first])}"]

    floating = expected.is_floating_point() or expected.is_complex()
    nan = actual.isnan() & ~expected.isnan() if floating else torch.zeros_like(wrong)
    if nan.any():
        where = place(tuple(nan.nonzero()[0].tolist()))
        share = "all" if bool(nan.all()) else f"{int(nan.sum())} of {total}"
        return Mismatch(f"{label} is NaN at {where}: {share} values are NaN", *facts)

    headline = f"{label} differs in {count} of {total} values{suffix}"
    if not floating:
        return Mismatch(headline, *facts)
    kind = torch.complex128 if expected.is_complex() else torch.float64
    got, want = actual.to(kind), expected.to(kind)
    error = (got - want).abs().nan_to_num(nan=math.inf, posinf=math.inf)
    error[~wrong] = 0
    facts.append(f"largest absolute error {error.max():.3g} at {place(_argmax(error))}")
    # relative to zero or to infinity, an error has no size
    relative = torch.where((want == 0) | want.isinf(), 0, error / want.abs())
    relative = relative.nan_to_num(nan=0, posinf=math.inf)
    if relative.any():
        facts.append(f"largest relative error {relative.max():.3g} at {place(_argmax(relative))}")
    return Mismatch(headline, *facts)


def _versus(expected: object, actual: object) -> str:
    """Both values, with as many digits as it takes to tell them apart."""
    values = [v.item() if isinstance(v, Tensor) else v for v in (expected, actual)]
    want, got = map(show, values)
    if want == got and all(type(value) is float for value in values):
        want, got = map(repr, values)
    return f"expected {want}, got {got}"


def _argmax(values: Tensor) -> tuple[int, ...]:
    index = numpy.unravel_index(int(values.argmax()), tuple(values.shape))
    return tuple(int(i) for i in index)


def _compare_arrays(
    actual: object, expected: numpy.ndarray[Any, Any], tolerance: _Tolerance, label: str
) -> None:
    if type(actual) is not numpy.ndarray:
        raise Mismatch(f"{label} has the wrong type: expected a numpy array, got {named(actual)}")
    if actual.dtype != expected.dtype:
        raise Mismatch(
            f"{label} has the wrong dtype: expected {expected.dtype}, got {actual.dtype}"
        )
    pair = [torch.from_numpy(numpy.array(array)) for array in (actual, expected)]
    _compare_tensors(pair[0], pair[1], tolerance, label)


def _compare_mappings(
    actual: object,
    expected: Mapping[Any, Any],
    tolerance: _Tolerance,
    label: str,
    *,
    exact: bool,
) -> None:
    if not isinstance(actual, dict):
        raise Mismatch(f"{label} has the wrong type: expected a dict, got {named(actual)}")
    missing = [key for key in expected if key not in actual]
    surplus = [key for key in actual if key not in expected]
    if missing or surplus:
        facts = [f"missing: {show(missing)}"] if missing else []
        facts += [f"not expected: {show(surplus)}"] if surplus else []
        raise Mismatch(f"{label} has the wrong keys", *facts)
    for key, value in expected.items():
        _compare(actual[key], value, tolerance, f"{label}[{key!r}]", exact=exact)


def _compare_sequences(
    actual: object, expected: Sequence[Any], tolerance: _Tolerance, label: str, *, exact: bool
) -> None:
    # a list for a tuple is no mistake worth a rejection; an array or a tensor is another type
    if isinstance(actual, list):
        # what it holds, whatever a subclass says that it holds
        actual = list(list.__iter__(actual))
    elif isinstance(actual, tuple):
        actual = list(tuple.__iter__(actual))
    elif type(actual) is not type(expected):
        kind = "a tuple" if isinstance(expected, tuple) else "a list"
        raise Mismatch(f"{label} has the wrong type: expected {kind}, got {named(actual)}")
    assert isinstance(actual, Sequence)
    for i, (got, want) in enumerate(zip(actual, expected, strict=False)):
        _compare(got, want, tolerance, f"{label}[{i}]", exact=exact)
    if len(actual) != len(expected):
        facts = [f"expected {show(expected)}", f"got {show(actual)}"]
        raise Mismatch(
            f"{label} has the wrong length: expected {len(expected)}, got {len(actual)}", *facts
        )


def _compare_sets(actual: object, expected: Set[Any], label: str) -> None:
    if not has_type(actual, set, frozenset):
        raise Mismatch(f"{label} has the wrong type: expected a set, got {named(actual)}")
    assert isinstance(actual, set | frozenset)
    if missing := expected - actual:
        raise Mismatch(f"{label} lacks {show(sorted(missing, key=repr))}")
    if surplus := actual - expected:
        raise Mismatch(f"{label} has too much: {show(sorted(surplus, key=repr))}")


def _compare_numbers(
    actual: object, expected: Any, tolerance: _Tolerance, label: str, *, exact: bool
) -> None:
    whole = isinstance(expected, numbers.Integral)
    real = isinstance(expected, numbers.Real)
    fits = numbers.Integral if whole else numbers.Real if real else numbers.Complex
    # a class that is registered as a number, or derived from one, may still lie about itself
    plain = type(actual).__module__ in ("builtins", "numpy")
    if not plain or not isinstance(actual, fits) or isinstance(actual, bool | numpy.bool_):
        wanted = "an int" if whole else "a float" if real else "a complex number"
        raise Mismatch(f"{label} has the wrong type: expected {wanted}, got {named(actual)}")
    if whole or exact:
        close = bool(actual == expected) or (actual != actual and expected != expected)
    else:
        dtype = torch.float64 if real else torch.complex128
        pair = [torch.tensor(value, dtype=dtype) for value in (actual, expected)]
        rtol, atol = tolerance.of(dtype)
        close = torch.allclose(pair[0], pair[1], rtol=rtol, atol=atol, equal_nan=True)
    if not close:
        raise Mismatch(f"{label} is wrong: {_versus(expected, actual)}")


def _compare_atoms(actual: object, expected: object, label: str) -> None:
    known = type(actual) is type(expected) or (
        isinstance(expected, bool | numpy.bool_) and type(actual) in (bool, numpy.bool_)
    )
    if not known:
        raise Mismatch(
            f"{label} has the wrong type: expected {named(expected)}, got {named(actual)}"
        )
    if actual != expected:
        raise Mismatch(f"{label} is wrong: expected {show(expected)}, got {show(actual)}")


def named(value: object) -> str:
    """A value's type with its article, and what else tells it apart: "a list of 3"."""
    if value is None:
        return "None"
    kind = type(value)
    if kind is Tensor and isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)}, {bare(value.dtype)}"
    if has_type(value, list, tuple, dict, set):
        assert isinstance(value, list | tuple | dict | set)
        return f"a {kind.__name__} of {len(value)}"
    name = kind.__name__
    article = "an" if name[0].lower() in "aeiou" else "a"
    if isinstance(value, Tensor):
        return f"{article} {name}, a subclass of Tensor"
    if has_type(value, int, float, bool, str, bytes):
        return f"{article} {name}, {show(value)}"
    return f"{article} {name}"


def has_type(value: object, *kinds: type) -> bool:
    """By identity: a class may claim to equal another."""
    return any(type(value) is kind for kind in kinds)


def bare(dtype: torch.dtype | torch.layout) -> str:
    return str(dtype).removeprefix("torch.")


def place(index: tuple[int, ...]) -> str:
    return "[" + ", ".join(map(str, index)) + "]"


def show(value: object, limit: int = 200) -> str:
    """A value in one short line."""
    if isinstance(value, Tensor) and value.numel() == 1:
        value = value.item()
    try:
        text = f"{value:.6g}" if type(value) is float else repr(value)
    except BaseException as error:
        # an attempt's own class; what is wrong with its __repr__ is not the point here
        text = f"<{type(value).__name__}, whose __repr__ raises {type(error).__name__}>"
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 3] + "..."
