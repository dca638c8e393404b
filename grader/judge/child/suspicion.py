"""Whether the text of an attempt could replace a function that is not its own.

Looking for what was replaced costs milliseconds at each call. Most attempts assign to
names of their own and to self, and use nothing else that could write into a module:
they need not be watched. What is not certain is watched.
"""

import ast
from collections.abc import Iterator

# modules that offer no way to write into others
HARMLESS = frozenset(
    {
        "__future__", "abc", "bisect", "collections", "copy", "dataclasses", "einops", "enum",
        "functools", "heapq", "itertools", "json", "math", "numbers", "numpy", "queue", "random",
        "re", "string", "time", "torch", "triton", "typing", "warnings",
    }
)  # fmt: skip
# parts of these that do
TOOLS = frozenset({"library", "overrides", "package", "testing", "utils"})
# builtins that reach what has another name, or run text
REACHING = frozenset(
    {
        "compile", "delattr", "eval", "exec", "getattr", "globals", "locals", "setattr", "vars",
    }
)  # fmt: skip
PLAIN_DUNDERS = frozenset({"__call__", "__init__", "__len__", "__name__", "__post_init__"})
# the first argument of methods, and of autograd's static ones
OWN = frozenset({"self", "ctx"})


def could_replace(source: str) -> bool:
    """False only if no name of another module can be written to."""
    tree = ast.parse(source)
    imported = set(_imported(tree))
    calm = _in_calm_places(tree)
    return any(_reaches(node, imported, calm) for node in ast.walk(tree))


def _reaches(node: ast.AST, imported: set[str], calm: set[int]) -> bool:
    match node:
        case ast.Import(names=names):
            return any(_unsafe(alias.name) for alias in names)
        case ast.ImportFrom(module=module, names=names, level=level):
            paths = (f"{module}.{alias.name}" for alias in names)
            return bool(level) or any(_unsafe(path) for path in paths)
        case ast.Attribute(attr=attr, value=value, ctx=context):
            if attr[:1] == "_" and attr not in PLAIN_DUNDERS:
                # a private attribute of its own
                private = isinstance(value, ast.Name) and value.id in OWN and attr[:2] != "__"
                return not private
            if isinstance(context, ast.Load):
                return attr in TOOLS
            return not (isinstance(value, ast.Name) and value.id in OWN)
        case ast.Name(id=name):
            hidden = name[:2] == "__" and name != "__name__"
            # a module under another name could be written to unseen
            loose = name in imported and id(node) not in calm
            return name in REACHING or hidden or loose
        case _:
            return False


def _unsafe(path: str) -> bool:
    top, *rest = path.split(".")
    return top not in HARMLESS or any(part in TOOLS or part[:1] == "_" for part in rest)


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                yield alias.asname or alias.name.partition(".")[0]


def _in_calm_places(tree: ast.Module) -> set[int]:
    """The names that are only called, looked into, or stand in a type."""
    calm: set[int] = set()
    for node in ast.walk(tree):
        places: list[ast.expr | None] = []
        match node:
            case ast.Attribute(value=value):
                places.append(value)
            case ast.Call(func=function, args=args):
                places.append(function)
                if isinstance(function, ast.Name) and function.id in ("isinstance", "issubclass"):
                    places += args
            case ast.ClassDef(bases=bases, decorator_list=decorators):
                places += [*bases, *decorators]
            case ast.FunctionDef(decorator_list=decorators, returns=returns):
                places += [*decorators, returns]
            case ast.arg(annotation=annotation) | ast.AnnAssign(annotation=annotation):
                places.append(annotation)
            case ast.Raise(exc=error):
                places.append(error)
        for place in places:
            if place is not None:
                types = isinstance(node, ast.arg | ast.AnnAssign | ast.FunctionDef)
                parts = ast.walk(place) if types else [place]
                calm.update(id(part) for part in parts)
    return calm
