"""Answers that took no thought: what no test of values may pass.

kata verify appends a call of spoil to the solution, which then computes the right answer
and gives another one of the same form.
"""

import copy
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy
import torch
from torch import Tensor

from grader.testing.observe import observe

PLAIN = (bool, int, float, str, bytes, list, dict, set)


def spoil(
    namespace: dict[str, Any],
    names: Mapping[str, Sequence[str]],
    kind: str,
    replaced: str,
    compared: str,
) -> None:
    """Replace what functions answer.

    Args:
        namespace: The attempt's globals.
        names: Of functions, and of classes with those of their methods.
        kind: "zeros", which for text and lists is nothing at all; "constant", the mean of
            the right answer everywhere, and 1 for a single number; "input", an argument of
            the answer's own form, and zeros where there is none.
        replaced: Printed at each call whose answer was not empty already.
        compared: Printed when a value is compared that no call was given.
    """
    spoiler = _Spoiler(kind, replaced, compared)
    observe(spoiler)
    for name, methods in names.items():
        found = namespace[name]
        if isinstance(found, type):
            for method in methods:
                setattr(found, method, spoiler.wrap(getattr(found, method)))
        else:
            namespace[name] = spoiler.wrap(found)


class _Spoiler:
    def __init__(self, kind: str, replaced: str, compared: str) -> None:
        self._kind, self._replaced, self._compared = kind, replaced, compared
        self._inside = False
        self._given: list[Tensor] = []

    def compared(self, value: object) -> None:
        if not any(value is given for given in self._given):
            print(self._compared, flush=True)

    def refused(self) -> None:
        pass

    def wrap(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            # what the solution calls itself stays right
            if self._inside:
                return function(*args, **kwargs)
            self._inside = True
            try:
                right = function(*args, **kwargs)
            finally:
                self._inside = False
            given = [*args, *kwargs.values()]
            self._given += [value for value in given if isinstance(value, Tensor)]
            if _holds_something(right):
                print(self._replaced, flush=True)
            return self._spoilt(right, given)

        return call

    def _spoilt(self, right: Any, given: Sequence[Any]) -> Any:
        """What is answered in place of the right answer, for these arguments."""
        if isinstance(right, Tensor):
            return self._tensor(right, given)
        if isinstance(right, numpy.ndarray):
            tensors = [torch.from_numpy(x) for x in given if isinstance(x, numpy.ndarray)]
            return self._tensor(torch.from_numpy(right), tensors).numpy()
        if isinstance(right, tuple):
            items = [self._spoilt(item, given) for item in right]
            return type(right)(*items) if hasattr(right, "_fields") else tuple(items)
        if hasattr(right, "__dataclass_fields__"):
            answer = copy.copy(right)
            for name in right.__dataclass_fields__:
                object.__setattr__(answer, name, self._spoilt(getattr(right, name), given))
            return answer
        if isinstance(right, list | dict) and (self._kind == "constant" or _has_tensors(right)):
            if isinstance(right, list):
                return [self._spoilt(item, given) for item in right]
            return {key: self._spoilt(value, given) for key, value in right.items()}
        return self._plain(type(right), given) if isinstance(right, PLAIN) else right

    def _tensor(self, right: Tensor, given: Sequence[Any]) -> Tensor:
        answer = torch.zeros_like(right)
        if self._kind == "constant" and right.is_floating_point() and right.numel() > 1:
            answer += right.detach().double().nan_to_num(0, 0, 0).mean().to(right.dtype)
        elif self._kind == "constant":
            answer += torch.ones_like(right)
        elif self._kind == "input":
            alike = (x for x in given if isinstance(x, Tensor) and x.shape == right.shape)
            answer = next((x.clone() for x in alike if x.dtype == right.dtype), answer)
        if right.requires_grad:
            # or it would be refused for want of a gradient
            answer = answer + 0 * right.nan_to_num(0, 0, 0)
        return answer

    def _plain(self, kind: type, given: Sequence[Any]) -> Any:
        if self._kind == "constant" and kind in (bool, int, float):
            return kind(1)
        if self._kind == "constant" and kind is str:
            return "constant"
        if self._kind == "input":
            return next((copy.copy(x) for x in given if type(x) is kind), kind())
        return kind()


def _has_tensors(value: Any) -> bool:
    if isinstance(value, list | tuple | dict):
        return any(map(_has_tensors, value.values() if isinstance(value, dict) else value))
    return isinstance(value, Tensor)


def _holds_something(value: Any) -> bool:
    """Whether there is something to replace: the right answer may be that there is nothing."""
    if isinstance(value, Tensor | numpy.ndarray):
        return 0 not in value.shape
    if isinstance(value, list | tuple | dict):
        return any(map(_holds_something, value.values() if isinstance(value, dict) else value))
    if hasattr(value, "__dataclass_fields__"):
        return any(_holds_something(getattr(value, name)) for name in value.__dataclass_fields__)
    return isinstance(value, int | float) or (isinstance(value, str | bytes | set) and bool(value))
