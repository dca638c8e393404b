"""Puts back what an attempt replaced or changed, so that it has no effect on a verdict."""

import builtins
import functools
import sys
import types
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import attrgetter, is_
from sys import setprofile as set_profile
from sys import settrace as set_trace
from typing import Any, NamedTuple

import torch

from grader.judge.child.sealed import sealed

# whose functions decide what a test says
MODULES = (
    "_pytest.approx", "_pytest.outcomes", "_pytest.python_api", "_pytest.raises", "builtins",
    "collections", "copy", "functools", "inspect", "io", "itertools", "json", "linecache",
    "math", "numpy", "numpy.random", "operator", "os", "pickle", "pytest", "random", "re",
    "string", "struct", "sys", "time", "torch", "torch.autograd", "torch.autograd.functional",
    "torch.autograd.graph", "torch.distributed", "torch.functional", "torch.linalg", "torch.nn",
    "torch.nn.functional", "torch.nn.init", "torch.nn.utils", "torch.random", "torch.special",
    "torch.testing", "torch.utils._pytree", "traceback", "types", "typing", "warnings",
)  # fmt: skip
CLASSES = (
    torch.Tensor,
    torch.nn.Module,
    torch.nn.Parameter,
    torch.Generator,
    torch.overrides.TorchFunctionMode,
    torch.utils._python_dispatch.TorchDispatchMode,
)
# what runs a test and tells how it ended
RUNNER = (
    "_pytest.fixtures", "_pytest.main", "_pytest.nodes", "_pytest.python", "_pytest.reports",
    "_pytest.runner", "_pytest.skipping",
)  # fmt: skip
METHODS = (
    types.FunctionType, types.BuiltinFunctionType, types.WrapperDescriptorType,
    types.MethodDescriptorType, types.GetSetDescriptorType, types.MemberDescriptorType,
    property, classmethod, staticmethod,
)  # fmt: skip
BUILTINS = frozenset(vars(builtins))
# what a program replaces for good reasons, and what changes by itself
LIVE = frozenset({"stdin", "stdout", "stderr", "last_value", "last_traceback", "_"})


class Namespaces:
    """The functions and classes of modules that matter, as they were before the attempt.

    Attributes:
        restore: Puts back what takes part in a comparison.
        restore_all: And what pytest itself runs on, which takes longer.
    """

    def __init__(self, extra: Iterable[types.ModuleType]) -> None:
        ours = [m for name, m in sys.modules.items() if name.partition(".")[0] == "grader"]
        ours += extra
        known = [sys.modules[name] for name in MODULES if name in sys.modules]
        # looking at thousands of names costs milliseconds, and this is done for each call
        used = _used(ours)
        # an assert that fails goes through pytest's hooks
        hooks = [m for name, m in sys.modules.items() if name.startswith("pluggy.")]
        asserted = [*hooks, *(m for m in known if m.__name__.startswith("_pytest."))]
        runner = [sys.modules[name] for name in RUNNER if name in sys.modules]
        compared = [
            *(_module(module, only=used) for module in (*known, *hooks)),
            *(_module(module, hidden=BUILTINS) for module in ours),
            *(_class(cls, hidden=frozenset(dir(cls)), only=used) for cls in CLASSES),
            *map(_class, {*_own_classes(ours), *_own_classes(asserted)}),
        ]
        others = [*map(_module, runner), *map(_class, set(_own_classes(runner)))]
        self.restore = _restoring(compared)
        self.restore_all = _restoring([*compared, *others])


class Untouched:
    """For an attempt that cannot replace anything."""

    def restore(self) -> None:
        pass

    def restore_all(self) -> None:
        pass


class Space(NamedTuple):
    """A module or a class.

    Attributes:
        view: Its names as they are.
        put, remove: Write to it.
        names, values: What mattered, as it was.
        hidden: Names that were not there, and would hide a builtin or a base's method.
    """

    view: Mapping[str, Any]
    put: Callable[[str, Any], None]
    remove: Callable[[str], None]
    names: list[str]
    values: list[Any]
    hidden: frozenset[str]


def _module(
    module: types.ModuleType,
    *,
    hidden: frozenset[str] = frozenset(),
    only: frozenset[str] | None = None,
) -> Space:
    space = vars(module)
    kept = {
        name: value
        for name, value in space.items()
        if (only is None or name in only) and _matters(name, value)
    }
    put, remove = space.__setitem__, space.__delitem__
    return Space(space, put, remove, list(kept), list(kept.values()), hidden.difference(space))


def _class(
    cls: type, *, hidden: frozenset[str] = frozenset(), only: frozenset[str] | None = None
) -> Space:
    space = vars(cls)
    kept = {
        name: value
        for name, value in space.items()
        # operators go by other names in code
        if (only is None or name in only or name[:2] == "__") and isinstance(value, METHODS)
    }
    put = functools.partial(type.__setattr__, cls)
    remove = functools.partial(type.__delattr__, cls)
    return Space(space, put, remove, list(kept), list(kept.values()), hidden.difference(space))


def _used(modules: Iterable[types.ModuleType]) -> frozenset[str]:
    """Every name that the code of these modules asks some other module or object for."""
    found: set[str] = set()
    waiting: list[Any] = []
    for module in modules:
        for value in vars(module).values():
            parts = list(vars(value).values()) if isinstance(value, type) else [value]
            parts = [getattr(part, "__wrapped__", part) for part in parts]
            waiting += [code for part in parts if (code := getattr(part, "__code__", None))]
            found.update(name for name in vars(module) if name[:1] != "_")
    while waiting:
        code = waiting.pop()
        found.update(code.co_names)
        waiting += [part for part in code.co_consts if isinstance(part, types.CodeType)]
    return frozenset(found)


def _own_classes(modules: Iterable[types.ModuleType]) -> Iterator[type]:
    for module in modules:
        for value in vars(module).values():
            # pytest calls some of its classes its own that lie in _pytest
            if isinstance(value, type) and value.__module__ in (module.__name__, "pytest"):
                yield value


def _restoring(spaces: list[Space]) -> Callable[[], None]:
    named = {id(value): value for space in spaces for value in space.values}
    functions = [value for value in named.values() if isinstance(value, types.FunctionType)]
    parts = [
        (name, attrgetter(name), list(map(attrgetter(name), functions)))
        for name in ("__code__", "__defaults__", "__kwdefaults__")
    ]
    return functools.partial(sealed(_put_back), list(map(tuple, spaces)), functions, parts)


def _put_back(
    spaces: list[Any],
    functions: list[types.FunctionType],
    parts: Sequence[tuple[str, Callable[[Any], Any], list[Any]]],
) -> None:
    set_trace(None)
    set_profile(None)
    # by identity, for what was put there may claim to equal anything; in C, for it is asked often
    for view, put, remove, names, values, hidden in spaces:
        if not all(map(is_, map(view.get, names), values)):
            for name, value in zip(names, values, strict=True):
                if view.get(name) is not value:
                    put(name, value)
        if hidden and not hidden.isdisjoint(view):
            for name in hidden.intersection(view):
                remove(name)
    for name, part_of, kept in parts:
        if not all(map(is_, map(part_of, functions), kept)):
            for function, part in zip(functions, kept, strict=True):
                if part_of(function) is not part:
                    setattr(function, name, part)


def _matters(name: str, value: object) -> bool:
    if name in LIVE:
        return False
    # a constant may be a limit or a tolerance
    return callable(value) or type(value) is types.ModuleType or name.isupper()
