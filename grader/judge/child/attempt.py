"""Loads the attempt, looks whether it defines what the spec asks for, and wraps it."""

import ast
import inspect
import linecache
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

from grader.content.stub import definitions, methods
from grader.judge.child.boundary import Boundary

NAME = "attempt"


class Unfit(Exception):
    """The attempt lacks something that the spec names.

    Attributes:
        line: Of the attempt's file; 0 if there is none to point at.
    """

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.line = line


def load_module(name: str, path: str, source: str | None = None) -> types.ModuleType:
    """Run a file as a module of the given name."""
    text = Path(path).read_text(encoding="utf-8") if source is None else source
    module = types.ModuleType(name)
    module.__file__ = path
    # dataclasses look their module up here
    sys.modules[name] = module
    # tracebacks and triton read source lines; what is judged is this text, not the file's next
    linecache.cache[path] = (len(text), None, text.splitlines(keepends=True), path)
    exec(compile(text, path, "exec", dont_inherit=True), module.__dict__)
    return module


def fit(module: types.ModuleType, stub: str) -> None:
    """Check names and signatures against the stub's.

    Raises:
        Unfit: Something is missing, or cannot be called as the spec says.
    """
    expected = types.ModuleType("stub")
    exec(compile(stub, "<stub>", "exec", dont_inherit=True), expected.__dict__)
    for node in definitions(ast.parse(stub)):
        wanted = getattr(expected, node.name)
        found = module.__dict__.get(node.name)
        kind = "class" if isinstance(node, ast.ClassDef) else "function"
        if found is None:
            raise Unfit(f"your file defines no {kind} {node.name}")
        if isinstance(node, ast.ClassDef):
            if not isinstance(found, type):
                raise Unfit(f"{node.name} must be a class, not {type(found).__name__}")
            for base in wanted.__bases__:
                if base is not object and not issubclass(found, base):
                    raise Unfit(f"{node.name} must derive from {base.__name__}", _line(found))
            for method in methods(node):
                if not callable(getattr(found, method.name, None)):
                    raise Unfit(f"{node.name} has no method {method.name}", _line(found))
                full = f"{node.name}.{method.name}"
                _fit(full, getattr(wanted, method.name), getattr(found, method.name))
        elif not callable(found):
            raise Unfit(f"{node.name} must be a function, not {type(found).__name__}")
        else:
            _fit(node.name, wanted, found)


def _fit(name: str, wanted: Callable[..., Any], found: Callable[..., Any]) -> None:
    """Whether found takes every call that wanted takes, by position and by name."""
    try:
        expected, actual = inspect.signature(wanted), inspect.signature(found)
    except (TypeError, ValueError):
        # without a signature, a call will tell
        return
    parameters = list(expected.parameters.values())
    # a method's self is given by position
    first = int("." in name and bool(parameters) and parameters[0].name == "self")
    parameters = parameters[first:]
    first += sum(p.kind is p.POSITIONAL_ONLY for p in parameters)
    either = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    only_name = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
    required = [p.name for p in parameters if p.default is p.empty and p.name in either + only_name]
    calls = [(first + len(either), only_name), (first, either + only_name), (first, required)]
    method = name.rpartition(".")[2]
    if method[:2] == method[-2:] == "__" and method != "__init__":
        # an operator gives all by position
        del calls[1:]
    for count, names in calls:
        args, kwargs = [None] * count, dict.fromkeys(names)
        try:
            actual.bind(*args, **kwargs)
        except TypeError as error:
            raise Unfit(
                f"{name} has the wrong signature ({error}): the spec has "
                f"{name.rpartition('.')[2]}{expected}, yours is {actual}",
                _line(found),
            ) from None


def _line(found: object) -> int:
    try:
        return inspect.getsourcelines(found)[1]  # type: ignore[arg-type]
    except (OSError, TypeError):
        return 0


def wrap(module: types.ModuleType, stub: str, boundary: Boundary) -> types.ModuleType:
    """The attempt as the tests see it: functions and methods of the spec cross the boundary."""
    view = types.ModuleType(NAME)
    view.__dict__.update({k: v for k, v in module.__dict__.items() if k[:2] != "__"})
    view.__file__ = module.__file__
    for node in definitions(ast.parse(stub)):
        found = module.__dict__[node.name]
        if isinstance(found, type):
            assert isinstance(node, ast.ClassDef)
            for name in {"__init__", *(method.name for method in methods(node))}:
                method = inspect.getattr_static(found, name)
                if isinstance(method, types.FunctionType):
                    setattr(found, name, boundary.wrap(method))
        else:
            setattr(view, node.name, boundary.wrap(found))
    return view
