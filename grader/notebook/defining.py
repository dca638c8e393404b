"""What a cell defines, for the next cell to try: definitions only, nothing else of it is run.

The judge runs the cell in a process of its own, with clocks and limits. Here, in the kernel,
there are none: a loop or a crash at the top of a cell must not reach it.
"""

import ast
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

KINDS = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def define(shell: "InteractiveShell", cell: str) -> None:
    """Imports, functions, classes and assignments to names; what fails was told already."""
    with suppress(Exception):
        tree = ast.parse(cell)
        tree.body = [node for node in tree.body if isinstance(node, KINDS) or _constant(node)]
        # as IPython does it: tracebacks and inspect find the source
        name = shell.compile.cache(cell, shell.execution_count, raw_code=cell)
        exec(compile(tree, name, "exec", dont_inherit=True), shell.user_ns)


def _constant(node: ast.stmt) -> bool:
    match node:
        case ast.Assign(targets=targets):
            return all(isinstance(target, ast.Name) for target in targets)
        case ast.AnnAssign(target=ast.Name(), value=ast.expr()):
            return True
        case _:
            return False
