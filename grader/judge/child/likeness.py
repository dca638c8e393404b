"""What a program computed, kept for comparison, and whether two of them computed the same."""

import math
from typing import Any

import numpy
import torch
from torch import Tensor

from grader.testing.difference import TOLERANCES
from grader.testing.words import PLAIN_TENSORS, has_type, named

# of a value that is larger, its type and size are kept
LARGEST = 1 << 20
DEEPEST = 8
Kept = Any


class Other:
    """Something that cannot be compared, such as an object of the attempt's own."""

    __slots__ = ("kind",)

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __repr__(self) -> str:
        return self.kind


class Raised(Other):
    """An error instead of a value."""


def keep(value: object, depth: int = 0) -> Kept:
    """A copy of what can be compared in a value: of plain types alone, for others may lie."""
    if has_type(value, *PLAIN_TENSORS):
        assert isinstance(value, Tensor)
        if value.numel() > LARGEST or value.device.type == "meta" or value.layout != torch.strided:
            return Other(named(value))
        return value.detach().clone()
    if has_type(value, numpy.ndarray):
        assert isinstance(value, numpy.ndarray)
        return torch.from_numpy(value.copy()) if value.dtype.kind in "biufc" else Other("array")
    if value is None or has_type(value, bool, int, float, complex, str, bytes):
        return value
    if isinstance(value, numpy.generic) and type(value).__module__ == "numpy":
        return value.item()
    if depth < DEEPEST:
        if isinstance(value, list | tuple) and (has_type(value, list) or _is_tuple(value)):
            return [keep(item, depth + 1) for item in value]
        if isinstance(value, dict) and has_type(value, dict):
            pairs = ((repr(keep(key)), keep(item, depth + 1)) for key, item in value.items())
            return dict(sorted(pairs, key=lambda pair: pair[0]))
        if isinstance(value, set | frozenset) and has_type(value, set, frozenset):
            return sorted(repr(keep(item)) for item in value)
    return Other("object")


def _is_tuple(value: object) -> bool:
    """A tuple, or a named one."""
    kind = type(value)
    return issubclass(kind, tuple) and kind.__iter__ is tuple.__iter__


def alike(one: Kept, other: Kept) -> bool:
    """Whether two kept values are the same but for rounding."""
    if isinstance(one, Tensor):
        if not isinstance(other, Tensor) or one.dtype != other.dtype or one.shape != other.shape:
            return False
        rtol, atol = TOLERANCES.get(one.dtype, (0.0, 0.0))
        return torch.allclose(one, other, rtol=rtol, atol=atol, equal_nan=True)
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-7, abs_tol=1e-7) or (
            one != one and other != other
        )
    if isinstance(one, Other):
        return type(one) is type(other) and one.kind == other.kind
    if type(one) is not type(other):
        return False
    if isinstance(one, list):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(map(alike, one.values(), other.values()))
    return bool(one == other)


def telling(value: Kept) -> bool:
    """Whether a wrong value shows where it comes from: zeros and NaN have many sources."""
    if isinstance(value, Tensor):
        finite = value[value.isfinite()] if value.is_floating_point() else value.reshape(-1)
        return finite.numel() > 0 and bool((finite != 0).any())
    if isinstance(value, float):
        return math.isfinite(value) and value != 0
    if isinstance(value, list):
        return any(map(telling, value))
    if isinstance(value, dict):
        return any(map(telling, value.values()))
    return not isinstance(value, Other) and value is not None
