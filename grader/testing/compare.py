"""Comparisons that say what a learner needs: what differs, where, and by how much.

Built on torch.allclose: torch.testing.assert_close imports sympy on its first
use, half a second in which the learner waits for a verdict.
"""

import numbers
from collections.abc import Mapping, Sequence, Set
from typing import Any

import numpy
import torch
from torch import Tensor

from grader.testing.difference import Tolerance, difference
from grader.testing.observe import comparing
from grader.testing.words import PLAIN_TENSORS, Mismatch, bare, has_type, named, show, versus


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
    with comparing(actual):
        _compare(actual, expected, Tolerance(rtol, atol, why), label, exact=False)


def assert_equal(actual: object, expected: object, *, label: str = "result") -> None:
    """Compare plain Python values and tensors exactly, without trusting their __eq__.

    Raises:
        Mismatch: They differ in type or value; says where first.
    """
    with comparing(actual):
        _compare(actual, expected, Tolerance(0.0, 0.0, None), label, exact=True)


def _compare(
    actual: object, expected: object, tolerance: Tolerance, label: str, *, exact: bool
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


def _compare_tensors(actual: object, expected: Tensor, tolerance: Tolerance, label: str) -> None:
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
    raise difference(actual, expected, rtol, atol, tolerance, label)


def _compare_arrays(
    actual: object, expected: numpy.ndarray[Any, Any], tolerance: Tolerance, label: str
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
    tolerance: Tolerance,
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
    actual: object, expected: Sequence[Any], tolerance: Tolerance, label: str, *, exact: bool
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
    actual: object, expected: Any, tolerance: Tolerance, label: str, *, exact: bool
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
        raise Mismatch(f"{label} is wrong: {versus(expected, actual)}")


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
