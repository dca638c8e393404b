"""Inputs that a call must leave as they were."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy
from torch import Tensor

from grader.testing.words import Mismatch

ADVICE = "the caller still needs it: work on a copy, or write x = x * 2 for x *= 2"
_ABSENT = object()


def assert_unchanged(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call function and return its result; raise Mismatch if it changed an argument."""
    before = Snapshot(args, kwargs)
    result = function(*args, **kwargs)
    before.check()
    return result


class Snapshot:
    """The tensors, arrays, lists, dicts and sets among arguments, as they were."""

    def __init__(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any], names: tuple[str, ...] = ()
    ) -> None:
        self.kept: list[tuple[str, Any, Any]] = []
        labels = [*names[: len(args)], *(f"argument {i}" for i in range(len(names), len(args)))]
        for label, value in (*zip(labels, args, strict=True), *kwargs.items()):
            self.kept.extend((name, held, _copy(held)) for name, held in _held(label, value))

    def check(self) -> None:
        for name, value, before in self.kept:
            if _changed(value, before):
                raise Mismatch(f"{name} was changed in place", ADVICE)
        # after that, for views of one tensor count writes together
        for name, value, before in self.kept:
            if isinstance(value, Tensor) and _version(value) != before[0]:
                # autograd refuses to go back through it, whatever stands in it now
                words = f"{name} was written to in place, with the values that it had"
                raise Mismatch(words, ADVICE)


def _held(label: str, value: Any) -> Iterator[tuple[str, Any]]:
    """What can change within an argument, each with its name."""
    if isinstance(value, Tensor | numpy.ndarray | bytearray | set):
        yield label, value
    elif isinstance(value, list | dict):
        yield label, value
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            yield from _held(f"{label}[{key!r}]", item)
    elif isinstance(value, tuple):
        for i, item in enumerate(value):
            yield from _held(f"{label}[{i}]", item)


def _copy(value: Any) -> Any:
    if isinstance(value, Tensor):
        meta = value.device.type == "meta"
        return _version(value), None if meta else value.detach().clone()
    # what is nested is held by itself: one level is enough
    return value.copy()


def _version(value: Tensor) -> int:
    """How often a tensor was written to; one of inference mode does not count."""
    return 0 if value.is_inference() else value._version


def _changed(value: Any, before: Any) -> bool:
    if isinstance(value, Tensor):
        version, copy = before
        if copy is None:
            return bool(_version(value) != version)
        if value.shape != copy.shape or value.dtype != copy.dtype:
            return True
        now = value.detach()
        # NaN counts as itself
        return not bool(((now == copy) | (now.isnan() & copy.isnan())).all())
    if isinstance(value, numpy.ndarray):
        return value.shape != before.shape or not numpy.array_equal(
            value, before, equal_nan=value.dtype.kind in "fc"
        )
    if isinstance(value, list | dict):
        if len(value) != len(before):
            return True
        pairs = (
            zip(value, before, strict=True)
            if isinstance(value, list)
            else ((value.get(key, _ABSENT), item) for key, item in before.items())
        )
        return any(new is not old and not _same(new, old) for new, old in pairs)
    return bool(value != before)


def _same(new: Any, old: Any) -> bool:
    plain = (int, float, complex, bool, str, bytes, tuple, frozenset, type(None))
    return type(new) is type(old) and isinstance(new, plain) and bool(new == old)
