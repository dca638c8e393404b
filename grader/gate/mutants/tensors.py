"""What goes wrong in programs with tensors: a step left out, two things in each other's place.

Each operator takes a node and yields the texts that could stand there instead.
"""

import ast
from collections.abc import Callable, Iterator
from itertools import pairwise

from grader.gate.mutants.source import Edit, Source

# taken for one another, both ways
MISTAKEN = (
    ("sum", "mean"), ("max", "min"), ("amax", "amin"), ("argmax", "argmin"), ("any", "all"),
    ("maximum", "minimum"), ("std", "var"), ("sin", "cos"), ("tril", "triu"), ("zeros", "ones"),
    ("zeros_like", "ones_like"), ("sqrt", "rsqrt"), ("exp", "log"), ("floor", "ceil"),
    ("isend", "irecv"), ("cumsum", "cumprod"),
)  # fmt: skip
INSTEAD = dict(MISTAKEN) | {other: one for one, other in MISTAKEN}
# functions of two things that are alike, and what else does not care for their order
ALIKE = {"promote_types", "maximum", "minimum", "max", "min", "isclose", "equal"}
SYMMETRIC = ALIKE | {"transpose", "swapaxes"}
COMMUTES = ast.Add | ast.Mult | ast.BitAnd | ast.BitOr


def tensor_mutants(solution: str) -> Iterator[str]:
    """The solution's text with one change, for each change; some are no Python."""
    source = Source(solution)
    for node in source.nodes():
        for operator in OPERATORS:
            for start, end, text in operator(node, source):
                yield solution[:start] + text + solution[end:]


def left_out_terms(node: ast.AST, source: Source) -> Iterator[Edit]:
    """a + b: a alone, b alone; the like for products, and for conditions joined by and, or."""
    if isinstance(node, ast.BinOp):
        yield source.keep(node, node.left)
        yield source.keep(node, node.right)
    elif isinstance(node, ast.BoolOp):
        word = " and " if isinstance(node.op, ast.And) else " or "
        for left_out in node.values:
            rest = [source.operand(value) for value in node.values if value is not left_out]
            yield source.edit(node, word.join(rest) if len(rest) == 1 else f"({word.join(rest)})")


def left_out_calls(node: ast.AST, source: Source) -> Iterator[Edit]:
    """x.exp(): x; math.sqrt(D): D; a function of two that are alike: each of them."""
    if not isinstance(node, ast.Call):
        return
    function, arguments = node.func, node.args
    if _name(function) in ALIKE and len(arguments) == 2:
        for argument in arguments:
            yield source.keep(node, argument)
    elif isinstance(function, ast.Attribute) and _root(function) not in source.modules | {"self"}:
        yield source.keep(node, function.value)
    elif len(arguments) == 1 and not node.keywords and not _is_text(arguments[0]):
        yield source.keep(node, arguments[0])


def left_out_keywords(node: ast.AST, source: Source) -> Iterator[Edit]:
    """x.mean(dim=-1, keepdim=True): x.mean(dim=-1), x.mean(keepdim=True)."""
    if isinstance(node, ast.Call):
        for left_out in node.keywords:
            rest = [part for part in (*node.args, *node.keywords) if part is not left_out]
            texts = ", ".join(map(source.text, rest))
            yield source.edit(node, f"{source.text(node.func)}({texts})")


def left_out_statements(node: ast.AST, source: Source) -> Iterator[Edit]:
    """A call, x += y, a second value for a name that has one, a value for a place in x: pass."""
    if isinstance(node, ast.FunctionDef):
        known = {argument.arg for argument in (*node.args.args, *node.args.kwonlyargs)}
        for statement in _statements(node):
            names, places = _targets(statement)
            again = isinstance(statement, ast.Assign) and bool(names) and names <= known
            if again or places or isinstance(statement, ast.Expr):
                yield source.edit(statement, "pass")
            known |= names


def settled_conditions(node: ast.AST, source: Source) -> Iterator[Edit]:
    """if causal: if True, if False; the like for x if causal else y. A check: if False."""
    if isinstance(node, ast.If | ast.IfExp):
        yield source.edit(node.test, "False")
        if isinstance(node, ast.IfExp) or not isinstance(node.body[0], ast.Raise):
            yield source.edit(node.test, "True")


def swapped_neighbours(node: ast.AST, source: Source) -> Iterator[Edit]:
    """f(a, b): f(b, a); the like in lists and tuples, and for names that a result is given."""
    neighbours: list[ast.expr] = []
    match node:
        case ast.Call(func=function, args=args) if _name(function) not in SYMMETRIC:
            neighbours = args
        case ast.List(elts=elements) | ast.Tuple(elts=elements, ctx=ast.Load()):
            # names to choose from have no order
            neighbours = [] if all(map(_is_text, elements)) else elements
        case ast.Assign(targets=[ast.Tuple(elts=names)], value=value):
            # else the values change places
            neighbours = [] if isinstance(value, ast.Tuple) else names
    for one, other in pairwise(neighbours):
        yield source.swap(one, other)


def swapped_operands(node: ast.AST, source: Source) -> Iterator[Edit]:
    """a - b: b - a; the like for /, @ and all else that does not commute."""
    if isinstance(node, ast.BinOp) and not isinstance(node.op, COMMUTES):
        yield source.swap(node.left, node.right)


def mistaken_functions(node: ast.AST, source: Source) -> Iterator[Edit]:
    """x.sum(): x.mean(); torch.maximum: torch.minimum; and more pairs."""
    if isinstance(node, ast.Attribute) and (other := INSTEAD.get(node.attr)):
        yield source.rename(node, node.attr, other)
    elif isinstance(node, ast.Call) and (other := INSTEAD.get(ast.unparse(node.func))):
        yield source.edit(node.func, other)


def finite_masks(node: ast.AST, source: Source) -> Iterator[Edit]:
    """float("-inf"): 0.0."""
    if isinstance(node, ast.Call) and ast.unparse(node) == "float('-inf')":
        yield source.edit(node, "0.0")


OPERATORS: tuple[Callable[[ast.AST, Source], Iterator[Edit]], ...] = (
    left_out_terms,
    left_out_calls,
    left_out_keywords,
    left_out_statements,
    settled_conditions,
    swapped_neighbours,
    swapped_operands,
    mistaken_functions,
    finite_masks,
)


def _name(function: ast.expr) -> str:
    """The last part of a dotted name."""
    return function.attr if isinstance(function, ast.Attribute) else ast.unparse(function)


def _root(function: ast.expr) -> str:
    """The first part of a dotted name; nothing for what is none."""
    while isinstance(function, ast.Attribute):
        function = function.value
    return function.id if isinstance(function, ast.Name) else ""


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _statements(function: ast.FunctionDef) -> list[ast.stmt]:
    """In the order of the lines, without the function itself."""
    inner = [node for node in ast.walk(function) if isinstance(node, ast.stmt)][1:]
    return sorted(inner, key=lambda node: node.lineno)


def _targets(statement: ast.stmt) -> tuple[set[str], bool]:
    """The names that a statement gives values, and whether it does so to places or in place."""
    if isinstance(statement, ast.AugAssign):
        return set(), True
    if isinstance(statement, ast.For | ast.AnnAssign):
        return {node.id for node in ast.walk(statement.target) if isinstance(node, ast.Name)}, False
    if not isinstance(statement, ast.Assign):
        return set(), False
    stored = [
        node
        for target in statement.targets
        for node in ast.walk(target)
        if isinstance(getattr(node, "ctx", None), ast.Store)
    ]
    names = {node.id for node in stored if isinstance(node, ast.Name)}
    return names, any(isinstance(node, ast.Subscript) for node in stored)
