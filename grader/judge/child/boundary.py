"""What happens at each call from a test into the attempt, and on the way back.

Going in: what went in is remembered for the learner, forbidden functions are
watched. Coming out: what the attempt replaced is put back, inputs must be as
they were, results must be plain values that cannot lie in a comparison.
"""

import functools
import inspect
import sys
import types
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import torch
from torch import Tensor

from grader.judge.child.surroundings import Modes
from grader.judge.child.witness import Witness
from grader.testing.forbid import Forbidden, forbidden
from grader.testing.modes import quiet
from grader.testing.unchanged import Snapshot
from grader.testing.words import PLAIN_TENSORS, Mismatch, bare, has_type, named, show

# copying inputs and looking for replaced functions costs 100 us: samplers are called often
CLOSELY_WATCHED = 20
LARGE = 1 << 22
DEEP = 8
# of the modules whose classes compare in Python, not in C
EARNEST = ("fractions", "pathlib", "dataclasses", "numpy", "torch")
# bound now: what a Counter holds is honest, the attempt's own __eq__ on it is not
HONEST: tuple[object, ...] = (
    list.__eq__,
    tuple.__eq__,
    set.__eq__,
    dict.__eq__,
    OrderedDict.__eq__,
    Counter.__eq__,
)


class Ended(Mismatch):
    """The attempt tried to end the process, the test or the run."""


class Boundary:
    """The border of one attempt. Entered from a test; calls within the attempt pass freely.

    Attributes:
        inputs: What went into the last call, a line each.
        violation: What the attempt did and may have hidden by catching an error.
    """

    def __init__(
        self,
        forbids: tuple[str, ...],
        mutates: tuple[str, ...],
        restore: Callable[[], None],
    ) -> None:
        self._forbids, self._mutates, self._restore = forbids, mutates, restore
        self._depth = 0
        self._calls = 0
        self._last: tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]] | None = None
        self._witness: Witness | None = None
        self.violation: Mismatch | None = None

    def new_test(self, witness: Witness | None = None) -> None:
        """Args:
        witness: Told of each call, which costs as much as a fast test does.
        """
        self._depth, self._calls, self._last, self.violation = 0, 0, None, None
        self._witness = witness

    @property
    def inputs(self) -> tuple[str, ...]:
        if self._last is None:
            return ()
        return describe_call(*self._last)

    def wrap(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function as the tests call it."""

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            if self._depth:
                return function(*args, **kwargs)
            return self.cross(function, args, kwargs)

        return call

    def cross(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        self._calls += 1
        closely = self._calls <= CLOSELY_WATCHED
        self._last = function, args, kwargs
        with quiet():
            before = self._snapshot(function, args, kwargs) if closely else None
            if self._witness:
                self._witness.called(args, kwargs)
        modes = Modes()
        self._depth = 1
        try:
            with forbidden(*self._forbids) as seen:
                result = function(*args, **kwargs)
        except (SystemExit, KeyboardInterrupt, GeneratorExit) as error:
            raise Ended(f"your code ended the program: {_shown(error)}") from error
        except (pytest.skip.Exception, pytest.exit.Exception, pytest.xfail.Exception) as error:
            raise Ended(f"your code ended the test: {type(error).__name__}") from error
        except Exception as error:
            if self._witness:
                self._witness.raised(error)
            raise
        finally:
            self._depth = 0
            if closely:
                self._restore()
            modes.restore()
        if seen:
            self.violation = Forbidden(seen[0])
            raise self.violation
        if before is not None:
            with quiet():
                before.check()
        result = self._checked(result)
        if self._witness:
            with quiet():
                self._witness.returned(result)
        return result

    def _snapshot(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Snapshot:
        """Copies of the inputs that the spec does not let the attempt change."""
        names = _names(function, args)
        held = [
            (name, value)
            for name, value in (*zip(names, args, strict=True), *kwargs.items())
            if name not in self._mutates and not _too_large(value)
        ]
        return Snapshot(tuple(v for _, v in held), {}, names=tuple(n for n, _ in held))

    def _checked(self, result: Any) -> Any:
        if isinstance(result, types.GeneratorType):
            return self._stream(result)
        refuse_liars(result)
        return result

    def _stream(self, generator: Any) -> Iterator[Any]:
        """A generator's body runs when it is asked for the next value: that is a call, too."""
        step = self.wrap(generator.__next__)
        with ExitStack() as stack:
            stack.callback(generator.close)
            while True:
                try:
                    item = step()
                except StopIteration:
                    return
                yield item


def refuse_liars(value: object, depth: int = 0) -> None:
    """Results are plain tensors and values: a class of the attempt's could agree with all."""
    if isinstance(value, Tensor):
        if not has_type(value, *PLAIN_TENSORS):
            raise Mismatch(f"wrong type: expected a plain tensor, got {named(value)}")
    elif isinstance(value, list | tuple | set | dict):
        if not any(type(value).__eq__ is method for method in HONEST):
            raise Mismatch(f"wrong type: {named(value)} has an __eq__ of its own")
        if depth < DEEP:
            for item in _items(value):
                refuse_liars(item, depth + 1)
    elif not _known(type(value)) and not _honest(type(value)):
        raise Mismatch(f"wrong type: {named(value)} has an __eq__ of its own")


def _items(value: Any) -> Iterator[Any]:
    """What a container holds, whatever a subclass says that it holds."""
    if isinstance(value, dict):
        yield from dict.keys(value)
        yield from dict.values(value)
    else:
        (base,) = (kind for kind in (list, tuple, set) if isinstance(value, kind))
        yield from base.__iter__(value)


def _known(kind: type) -> bool:
    """Whether a class is what its name says, one of a library, and compares in earnest.

    unittest.mock.ANY and pytest.approx do not.
    """
    own: Any = kind.__eq__
    in_c = isinstance(own, types.WrapperDescriptorType)
    earnest = in_c or getattr(own, "__module__", None) in EARNEST
    module = sys.modules.get(kind.__module__)
    named = kind.__module__ != "attempt" and getattr(module, kind.__qualname__, None) is kind
    return earnest and named


def _honest(kind: type) -> bool:
    """Whether a class compares by identity, or as a dataclass does."""
    own: Any = kind.__eq__
    return own is object.__eq__ or (
        "__dataclass_fields__" in kind.__dict__ and own.__code__.co_filename == "<string>"
    )


def _names(function: Callable[..., Any], args: tuple[Any, ...]) -> list[str]:
    """What the learner calls the positional arguments."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    positional = [
        p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]
    rest = [f"argument {i}" for i in range(len(positional), len(args))]
    return [*positional[: len(args)], *rest]


def _too_large(value: Any) -> bool:
    return isinstance(value, Tensor) and value.numel() > LARGE


def describe_call(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[str, ...]:
    """The arguments of a call, a line each: "q (2, 6, 5, 8) float64"."""
    pairs = [*zip(_names(function, args), args, strict=True), *kwargs.items()]
    return tuple(_describe(name, value) for name, value in pairs if name != "self")


def _describe(name: str, value: Any) -> str:
    if isinstance(value, Tensor):
        device = "" if value.device.type == "cpu" else f", {value.device}"
        few = value.numel() <= 8 and value.device.type == "cpu"
        counts = value.dtype in (torch.int64, torch.int32, torch.bool)
        values = f" = {value.tolist()}" if few and counts else ""
        return f"{name} {tuple(value.shape)} {bare(value.dtype)}{device}{values}"
    if inspect.isroutine(value) or isinstance(value, type | torch.nn.Module):
        return f"{name} = {getattr(value, '__name__', type(value).__name__)}"
    if isinstance(value, list | tuple) and value and all(isinstance(v, Tensor) for v in value):
        inner = ", ".join(f"{tuple(v.shape)} {bare(v.dtype)}" for v in value[:6])
        return f"{name} = [{inner}{', ...' if len(value) > 6 else ''}]"
    shown: Any = type(value).__repr__
    if shown is object.__repr__:
        return f"{name} = {named(value)}"
    return f"{name} = {show(value, 120)}"


def _shown(error: BaseException) -> str:
    return f"{type(error).__name__}({', '.join(map(repr, error.args))})"
