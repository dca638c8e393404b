"""A program's text, and edits of it."""

import ast
from collections.abc import Iterator
from typing import NamedTuple


class Edit(NamedTuple):
    """Another text for a piece of the source, from start to end."""

    start: int
    end: int
    text: str


class Source:
    """A program's text, and where its nodes stand in it.

    Attributes:
        modules: Names that are imported.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._tree = ast.parse(text)
        lines = text.splitlines(keepends=True)
        self._lines, self._starts = lines, [0]
        for line in lines:
            self._starts.append(self._starts[-1] + len(line))
        imports = (n for n in ast.walk(self._tree) if isinstance(n, ast.Import | ast.ImportFrom))
        self.modules = {
            alias.asname or alias.name.split(".")[0] for n in imports for alias in n.names
        }

    def nodes(self) -> Iterator[ast.AST]:
        """All but the words of errors, and what f-strings hold: Python 3.11 misplaces that."""
        waiting: list[ast.AST] = [self._tree]
        while waiting:
            node = waiting.pop()
            yield node
            if not isinstance(node, ast.JoinedStr | ast.Raise):
                waiting += ast.iter_child_nodes(node)

    def edit(self, node: ast.AST, text: str) -> Edit:
        return Edit(*self._span(node), text)

    def keep(self, node: ast.AST, part: ast.AST) -> Edit:
        """A part of a node instead of all of it."""
        return Edit(*self._span(node), self._fitting(part, node))

    def rename(self, node: ast.AST, old: str, new: str) -> Edit:
        """A name that ends with another word."""
        _, end = self._span(node)
        return Edit(end - len(old), end, new)

    def swap(self, one: ast.AST, other: ast.AST) -> Edit:
        """Two nodes in each other's place."""
        (start, one_end), (other_start, end) = self._span(one), self._span(other)
        between = self._text[one_end:other_start]
        return Edit(start, end, self._fitting(other, one) + between + self._fitting(one, other))

    def text(self, node: ast.AST) -> str:
        start, end = self._span(node)
        return self._text[start:end]

    def operand(self, node: ast.AST) -> str:
        """A node's text, as it can stand anywhere in an expression."""
        text = self.text(node)
        whole = isinstance(node, ast.Name | ast.Attribute | ast.Call | ast.Subscript | ast.Constant)
        return text if whole else f"({text})"

    def _fitting(self, node: ast.AST, place: ast.AST) -> str:
        """A node's text, as it can stand in the place of another."""
        start, end = self._span(place)
        before, after = self._text[:start].rstrip()[-1:], self._text[end:].lstrip()[:1]
        enclosed = before in "([{,:" and after in ")]},:"
        return self.text(node) if enclosed else self.operand(node)

    def _span(self, node: ast.AST) -> tuple[int, int]:
        assert isinstance(node, ast.expr | ast.stmt | ast.keyword)
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return (
            self._offset(node.lineno, node.col_offset),
            self._offset(node.end_lineno, node.end_col_offset),
        )

    def _offset(self, line: int, column: int) -> int:
        """Columns are counted in bytes."""
        before = self._lines[line - 1].encode()[:column]
        return self._starts[line - 1] + len(before.decode())
