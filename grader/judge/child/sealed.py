"""Copies of functions that no name leads to.

What an attempt puts under a module's names, or into the code of its functions, does
not reach them: they have globals and builtins of their own.
"""

import builtins
from collections.abc import Callable
from types import FunctionType
from typing import TypeVar, cast

Function = TypeVar("Function", bound=Callable[..., object])
Class = TypeVar("Class", bound=type)


def sealed(function: Function) -> Function:
    """A copy of a function without a closure."""
    assert isinstance(function, FunctionType)
    return cast("Function", _copy(function, _space(function)))


def sealed_class(cls: Class) -> Class:
    """A copy of a class, its methods sealed."""
    body = {k: v for k, v in vars(cls).items() if k not in ("__dict__", "__weakref__")}
    for name, value in body.items():
        if isinstance(value, FunctionType):
            body[name] = _copy(value, _space(value))
    return cast("Class", type(cls.__name__, cls.__bases__, body))


def _space(function: FunctionType) -> dict[str, object]:
    return {**function.__globals__, "__builtins__": dict(vars(builtins))}


def _copy(function: FunctionType, space: dict[str, object]) -> FunctionType:
    # replace() without changes makes another object of the code, too
    copy = FunctionType(function.__code__.replace(), space, function.__name__)
    copy.__defaults__, copy.__kwdefaults__ = function.__defaults__, function.__kwdefaults__
    return copy
