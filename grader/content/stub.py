"""What a stub says, read from its syntax tree: the names to define, and the spec."""

import ast
import inspect
from dataclasses import dataclass
from pathlib import Path

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True, slots=True)
class Spec:
    """One public function or class of a stub, as the learner reads it."""

    name: str
    signature: str
    docstring: str


def definitions(tree: ast.Module) -> list[Definition]:
    """The public functions and classes at the top of a module."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return [node for node in tree.body if isinstance(node, kinds) and node.name[0] != "_"]


def read_specs(path: Path) -> list[Spec]:
    """The spec of each public definition, in the order of the file."""
    specs = []
    for node in definitions(ast.parse(path.read_text(encoding="utf-8"))):
        docstring = ast.get_docstring(node) or ""
        if isinstance(node, ast.ClassDef):
            for method in methods(node):
                if text := ast.get_docstring(method):
                    docstring += (
                        f"\n\n{method.name}{_arguments(method)}\n\n{inspect.cleandoc(text)}"
                    )
        specs.append(Spec(node.name, signature(node), docstring.strip()))
    return specs


def methods(node: ast.ClassDef) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """A class's methods that are part of the spec: public ones and __dunder__ ones."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [
        item
        for item in node.body
        if isinstance(item, kinds)
        and (item.name[0] != "_" or (item.name[:2] == "__" and item.name[-2:] == "__"))
    ]


def signature(node: Definition) -> str:
    if isinstance(node, ast.ClassDef):
        bases = ", ".join(ast.unparse(base) for base in node.bases)
        return f"class {node.name}({bases})" if bases else f"class {node.name}"
    return f"def {node.name}{_arguments(node)}"


def _arguments(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return f"({ast.unparse(node.args)}){returns}"


def signatures(source: str) -> dict[str, str]:
    """Each public definition's signature, a class's with those of its methods."""
    found = {}
    for node in definitions(ast.parse(source)):
        found[node.name] = signature(node)
        if isinstance(node, ast.ClassDef):
            for method in methods(node):
                found[f"{node.name}.{method.name}"] = _arguments(method)
    return found


def is_unedited(attempt: str, stub: str) -> bool:
    """Whether an attempt is still the stub: the same code, whatever its comments say."""
    try:
        return _code(attempt) == _code(stub)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False


def _code(source: str) -> str:
    """The syntax tree as text, without docstrings."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                node.body = node.body[1:]
    return ast.dump(tree)
