"""Forbidden functions, seen when they run: an alias or another module hides nothing."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from torch.overrides import TorchFunctionMode

from grader.testing.modes import DispatchMode
from grader.testing.words import Mismatch


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

    Yields the list of names seen, for an attempt may catch what is raised.
    """
    seen: list[str] = []
    with ExitStack() as stack:
        if names:
            # a function mode sees F.layer_norm under every alias, a dispatch mode what runs
            # inside of other functions and torch.ops
            stack.enter_context(_Functions(frozenset(names), seen))
            stack.enter_context(_Operators(frozenset(names), seen))
        yield seen


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
        # the in-place x.softmax_() and the operator's x.__matmul__ are the function itself
        name = _named(getattr(func, "__name__", "").strip("_"), self.names)
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
        name = _named(called.strip("_").removeprefix("native_"), self.names)
        if name:
            self.seen.append(name)
            raise Forbidden(name)
        return func(*args, **(kwargs or {}))


def _named(called: str, names: frozenset[str]) -> str | None:
    """The forbidden name that a function or operator goes by."""
    if called in names:
        return called
    # _scaled_dot_product_flash_attention_for_cpu and the like
    attention = "scaled_dot_product_attention"
    if attention in names and called.startswith("scaled_dot_product"):
        return attention
    return None
