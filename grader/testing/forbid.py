"""Forbidden functions, seen when they run: an alias or another module hides nothing."""

import inspect
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cache
from types import MappingProxyType
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from grader.testing.modes import DispatchMode
from grader.testing.words import Mismatch

# how else the same thing is called: names that begin like this
ALSO: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "cross_entropy": ("cross_entropy_loss",),
        "nll_loss": ("nll_loss",),
        "scaled_dot_product_attention": (
            "scaled_dot_product",
            "multi_head_attention",
            "transformer_encoder_layer",
        ),
    }
)


class Forbidden(Mismatch):
    """The attempt called what the kata asks it to write."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name} is not allowed in this kata",
            'the spec lists it under "Not allowed": write it from smaller parts',
        )


@contextmanager
def forbidden(*names: str) -> Iterator[list[str]]:
    """Raise Forbidden when a torch function or operator of one of these names runs.

    A name may be that of a module, such as torch.optim: then no object of its classes is made.
    Yields the list of names seen, for an attempt may catch what is raised.
    """
    seen: list[str] = []
    with ExitStack() as stack:
        if names:
            # a function mode sees F.layer_norm under every alias, a dispatch mode what runs
            # inside of other functions and torch.ops
            stack.enter_context(_Functions(frozenset(names), seen))
            stack.enter_context(_Operators(frozenset(names), seen))
            stack.enter_context(_scripts(frozenset(names), seen))
            stack.enter_context(_modules(frozenset(names), seen))
        try:
            yield seen
        except Forbidden:
            raise
        except Exception as error:
            if seen:
                # TorchScript and others wrap what is raised in errors of their own
                raise Forbidden(seen[0]) from error
            raise


class _Functions(TorchFunctionMode):
    def __init__(self, names: frozenset[str], seen: list[str]) -> None:
        super().__init__()
        self.names, self.seen = names, seen

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        name = _named(getattr(func, "__name__", ""), self.names)
        if name:
            self.seen.append(name)
            raise Forbidden(name)
        return func(*args, **(kwargs or {}))


class _Operators(DispatchMode):  # type: ignore[no-untyped-call]
    def __init__(self, names: frozenset[str], seen: list[str]) -> None:
        super().__init__()
        self.names, self.seen = names, seen

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        schema = getattr(func, "_schema", None)
        called = schema.name.partition("::")[2] if schema else str(func)
        name = _named(called, self.names)
        if name:
            self.seen.append(name)
            raise Forbidden(name)
        return func(*args, **(kwargs or {}))


@contextmanager
def _scripts(names: frozenset[str], seen: list[str]) -> Iterator[None]:
    """Scripted and traced functions run unseen by modes: their graphs tell what they call."""
    kinds = (torch._C.ScriptFunction, torch._C.ScriptMethod)
    # pairs, for an attempt may have replaced zip when they are put back
    usual = [(kind, kind.__call__) for kind in kinds]

    def watched(call: Callable[..., Any]) -> Callable[..., Any]:
        def look_and_call(self: Any, *args: Any, **kwargs: Any) -> Any:
            for called in re.findall(r"aten::(\w+)", str(self.inlined_graph)):
                if name := _named(called, names):
                    seen.append(name)
                    raise Forbidden(name)
            return call(self, *args, **kwargs)

        return look_and_call

    for kind, call in usual:
        kind.__call__ = watched(call)  # type: ignore[method-assign]
    try:
        yield
    finally:
        for kind, call in usual:
            kind.__call__ = call  # type: ignore[method-assign]


@contextmanager
def _modules(names: frozenset[str], seen: list[str]) -> Iterator[None]:
    """Modules that torch loads by itself are there without an import: their classes refuse."""
    usual = [(name, kind, kind.__init__) for name in names for kind in _classes(name)]

    def refusing(name: str) -> Callable[..., None]:
        def refuse(*args: Any, **kwargs: Any) -> None:
            seen.append(name)
            raise Forbidden(name)

        return refuse

    for name, kind, _ in usual:
        kind.__init__ = refusing(name)
    try:
        yield
    finally:
        for _, kind, init in usual:
            kind.__init__ = init


@cache
def _classes(module: str) -> tuple[Any, ...]:
    """The classes of a module that is loaded, and of those below it, that set up their objects."""
    names = [name for name in sys.modules if f"{name}.".startswith(f"{module}.")]
    found = {
        kind
        for name in names
        for kind in vars(sys.modules[name]).values()
        if isinstance(kind, type) and f"{kind.__module__}.".startswith(f"{module}.")
    }
    return tuple(kind for kind in found if inspect.isfunction(vars(kind).get("__init__")))


def _named(called: str, names: frozenset[str]) -> str | None:
    """The forbidden name that a function or operator goes by."""
    # the in-place x.softmax_(), the infix x.__matmul__ and the overload softmax.int are the
    # function itself; so are _native_multi_head_attention and _fused_rms_norm
    bare = called.partition(".")[0].strip("_").removeprefix("native_").removeprefix("fused_")
    if bare in names:
        return bare
    for name in names:
        if bare.startswith(ALSO.get(name, ())):
            return name
    return None
