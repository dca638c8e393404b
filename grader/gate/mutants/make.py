"""From a solution's text to its mutants."""

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from grader.gate.mutants.general import general_mutants
from grader.gate.mutants.tensors import tensor_mutants

PAIRS: list[tuple[type[ast.cmpop], type[ast.cmpop]]] = [
    (ast.Lt, ast.GtE),
    (ast.Gt, ast.LtE),
    (ast.Eq, ast.NotEq),
    (ast.Is, ast.IsNot),
    (ast.In, ast.NotIn),
]
OPPOSITE = dict(PAIRS) | {other: one for one, other in PAIRS}
COMMENT = re.compile(r"(^|\s)\s*# .*")


@dataclass(frozen=True, slots=True)
class Mutant:
    """A solution with one small change.

    Attributes:
        line: The first of the lines that differ.
        before, after: The lines that differ, as one, without margin and comments.
        text: All of it.
    """

    line: int
    before: str
    after: str
    text: str

    @property
    def change(self) -> tuple[str, str]:
        return self.before, self.after

    def __str__(self) -> str:
        return f"line {self.line}: {self.before}  ->  {self.after}"


def make_mutants(solution: str) -> list[Mutant]:
    """All that are Python and differ, from the solution and from each other.

    Docstrings, annotations, imports and the words of errors are no difference.
    """
    seen = {_meaning(solution)}
    found = []
    general = (_tidy(solution, text) for text in general_mutants(solution))
    for text in chain(general, tensor_mutants(solution)):
        try:
            meaning = _meaning(text)
        except SyntaxError:
            continue
        if meaning not in seen:
            seen.add(meaning)
            found.append(_mutant(solution, text))
    return sorted(found, key=lambda mutant: mutant.line)


def _meaning(text: str) -> str:
    """What a program computes; the same for some of the ways to write the same."""
    return ast.dump(_Bare().visit(ast.parse(text)))


class _Bare(ast.NodeTransformer):
    """Takes out what says nothing of what a program computes."""

    def visit_Import(self, node: ast.Import) -> None:
        return None

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        return None

    def visit_Raise(self, node: ast.Raise) -> ast.Raise:
        return ast.Raise()

    def visit_arg(self, node: ast.arg) -> ast.arg:
        return ast.arg(node.arg)

    def visit_arguments(self, node: ast.arguments) -> ast.arguments:
        """Whether an argument is given by position or by name is the spec's to say."""
        self.generic_visit(node)
        names = [*node.posonlyargs, *node.args, *node.kwonlyargs]
        defaults = [*node.defaults, *(value for value in node.kw_defaults if value)]
        return ast.arguments([], names, None, [], [], None, defaults)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        self.generic_visit(node)
        node.annotation = ast.Constant(None)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        node.returns = None
        return node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        """not a < b: a >= b; -0: 0."""
        self.generic_visit(node)
        match node:
            case ast.UnaryOp(ast.Not(), ast.Compare(left, [op], right)) if type(op) in OPPOSITE:
                return ast.Compare(left, [OPPOSITE[type(op)]()], right)
            case ast.UnaryOp(ast.USub(), ast.Constant(0) as zero):
                return zero
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        """a + 0, a - 0: a."""
        self.generic_visit(node)
        match node:
            case ast.BinOp(left, ast.Add() | ast.Sub(), ast.Constant(0)):
                return left
        return node

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        if isinstance(node.value, ast.Constant):
            return ast.Pass()
        return self.generic_visit(node)


def _tidy(solution: str, text: str) -> str:
    """Without the blank that cosmic-ray puts before a number."""
    start = _same(solution, text)
    opened = text[start - 1 : start] in ("(", "[", "=", ",", ":", "-")
    return text[:start] + text[start:].removeprefix(" ") if opened else text


def _mutant(solution: str, text: str) -> Mutant:
    old, new = solution.splitlines(), text.splitlines()
    start = _same(old, new)
    end = _same(old[start:][::-1], new[start:][::-1])
    before, after = old[start : len(old) - end], new[start : len(new) - end]
    return Mutant(start + 1, one_line(before), one_line(after), text)


def one_line(lines: list[str]) -> str:
    """Lines as one, without margin and comments."""
    return " ".join(" ".join(COMMENT.sub("", line) for line in lines).split())


def _same(one: Sequence[str], other: Sequence[str]) -> int:
    """How many items two sequences have in common from their start."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(one), len(other)))
