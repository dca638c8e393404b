"""Planting mistakes: the solution with some of its card's in it, and nothing that tells where."""

import ast
import builtins
import difflib
import io
import symtable
import tokenize
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256

from grader.content.card import Mistake

# of the bugs that a seed may choose to plant
MOST = 3
# a line that is longer than the solution's own sticks out
WIDTH = 100

Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Planted:
    """A file to debug.

    Attributes:
        bugs: The first and the last line that each planted mistake has changed.
    """

    text: str
    bugs: dict[str, tuple[int, int]]


def plant(
    solution: str, stub: str, mistakes: Sequence[Mistake], *, seed: int, bugs: int | None = None
) -> Planted | None:
    """Choose mistakes and plant them; the same seed plants the same.

    Args:
        bugs: How many; one to three, by the seed, if left out.

    Returns:
        None if no so many of the mistakes go together.
    """
    # one that waits for ever makes a slow round, and signatures are the spec's
    right = _signatures(solution)
    quick = [mistake for mistake in mistakes if not mistake.says]
    fit = [one for one in quick if right <= _signatures(one.apply(solution))]
    order = sorted(fit, key=lambda mistake: _draw(f"{seed} {mistake.name}"))
    for number in [bugs] if bugs else range(1 + _draw(str(seed)) % MOST, 0, -1):
        if chosen := _choose(solution, stub, order, number):
            return _planted(solution, stub, chosen)
    return None


def _signatures(source: str) -> Counter[str]:
    functions = (n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.FunctionDef))
    return Counter(f"{node.name} {ast.dump(node.args)}" for node in functions)


def _draw(words: str) -> int:
    # random.Random promises the same numbers in every version only for random()
    return int.from_bytes(sha256(words.encode()).digest()[:8], "big")


def _choose(
    solution: str,
    stub: str,
    order: Sequence[Mistake],
    number: int,
    chosen: tuple[Mistake, ...] = (),
) -> tuple[Mistake, ...] | None:
    """So many more that change different places and leave a sound file, the first in order."""
    if number == 0:
        return chosen
    for index, mistake in enumerate(order):
        others = [other for other in order[index + 1 :] if _apart(solution, mistake, other)]
        more = (*chosen, mistake)
        if _room(solution, others) >= number - 1 and _sound(_file(solution, stub, more)):
            found = _choose(solution, stub, others, number - 1, more)
            if found is not None:
                return found
    return None


def _apart(solution: str, one: Mistake, other: Mistake) -> bool:
    (a, b), (c, d) = _span(solution, one), _span(solution, other)
    return b <= c or d <= a


def _room(solution: str, mistakes: Sequence[Mistake]) -> int:
    """How many of them are apart from each other, at most."""
    count = last = 0
    for end, begin in sorted(_span(solution, mistake)[::-1] for mistake in mistakes):
        if begin >= last:
            count, last = count + 1, end
    return count


def _span(solution: str, mistake: Mistake) -> tuple[int, int]:
    begin = solution.index(mistake.find)
    return begin, begin + len(mistake.find)


def _planted(solution: str, stub: str, chosen: Sequence[Mistake]) -> Planted:
    text = _file(solution, stub, chosen)
    bugs = {}
    for mistake in chosen:
        others = [other for other in chosen if other is not mistake]
        bugs[mistake.name] = _changed(_file(solution, stub, others), text)
    return Planted(text, bugs)


def _file(solution: str, stub: str, chosen: Sequence[Mistake]) -> str:
    return handout(_edited(solution, chosen), stub)


def _edited(solution: str, chosen: Sequence[Mistake]) -> str:
    # from the end on, so that places before stay where they are
    for mistake in sorted(chosen, key=lambda mistake: _span(solution, mistake), reverse=True):
        begin, end = _span(solution, mistake)
        solution = solution[:begin] + mistake.replace + solution[end:]
    return solution


def _sound(text: str) -> bool:
    """Whether no line looks unlike the others, and every name is defined somewhere."""
    if any(len(line) > WIDTH or line != line.rstrip() for line in text.splitlines()):
        return False
    module = symtable.symtable(text, "", "exec")
    known = set(dir(builtins))
    for symbol in module.get_symbols():
        if symbol.is_assigned() or symbol.is_imported():
            known.add(symbol.get_name())
    return all(
        symbol.get_name() in known
        for table in (module, *_inner(module))
        for symbol in table.get_symbols()
        if symbol.is_global()
    )


def _inner(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    for child in table.get_children():
        yield child
        yield from _inner(child)


def _changed(before: str, after: str) -> tuple[int, int]:
    """The first and the last line that differ, counted in `after`."""
    matcher = difflib.SequenceMatcher(None, before.splitlines(), after.splitlines(), autojunk=False)
    blocks = [(begin, end) for tag, _, _, begin, end in matcher.get_opcodes() if tag != "equal"]
    begin, end = blocks[0][0], blocks[-1][1]
    # where lines were only taken out: the two that have become neighbours
    return (begin, begin + 1) if begin == end else (begin + 1, end)


def handout(code: str, stub: str) -> str:
    """The code with the stub's docstrings for its own, and without comments."""
    return _unwrapped(_without_comments(code, stub))


def _without_comments(code: str, stub: str) -> str:
    lines, given = code.splitlines(), stub.splitlines()
    tree, specs = ast.parse(code), dict(_documented(ast.parse(stub)))
    # rows that are dropped, and what comes before a row
    dropped: set[int] = set()
    before: dict[int, list[str]] = {}
    kept: set[int] = set()
    for path, node in _documented(tree):
        spec = specs.get(path)
        if spec and not isinstance(node, ast.Module) and ast.dump(node) == ast.dump(spec):
            # the stub's own, such as a result's class: comments on its fields are spec
            kept.update(range(node.lineno, (node.end_lineno or 0) + 1))
            continue
        if own := _docstring(node):
            dropped.update(range(own.lineno, (own.end_lineno or 0) + 1))
        told = _docstring(spec) if spec else None
        if told:
            text = given[told.lineno - 1 : told.end_lineno]
            blank = [""] if own is None and isinstance(node, ast.ClassDef) else []
            before[own.lineno if own else _first_row(node.body[0])] = [*text, *blank]
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        row, column = token.start
        if token.type == tokenize.COMMENT and row not in kept:
            lines[row - 1] = lines[row - 1][:column].rstrip()
            if not lines[row - 1]:
                dropped.add(row)
    written: list[str] = []
    for row, line in enumerate(lines, start=1):
        written += before.get(row, ())
        if row not in dropped:
            written.append(line)
    return "\n".join(written) + "\n"


def _documented(node: Documented, path: str = "") -> Iterator[tuple[str, Documented]]:
    """What may have a docstring, with its name: "", "Run", "Run.step"."""
    yield path, node
    for child in node.body:
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _documented(child, f"{path}.{child.name}")


def _docstring(node: Documented) -> ast.Expr | None:
    first = node.body[0] if node.body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        return first if isinstance(first.value.value, str) else None
    return None


def _first_row(node: ast.stmt) -> int:
    decorated = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    decorators = node.decorator_list if isinstance(node, decorated) else []
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def _unwrapped(code: str) -> str:
    """Without brackets round a whole value, which tell that something stood behind them."""
    lines = code.splitlines()
    for node in ast.walk(ast.parse(code)):
        value = getattr(node, "value", None)
        if isinstance(node, ast.Return | ast.Assign) and isinstance(value, ast.expr):
            line = lines[value.lineno - 1]
            begin, end = value.col_offset, value.end_col_offset or 0
            if line[begin - 2 : begin] == " (" and line[end:] == ")" and line.isascii():
                lines[value.lineno - 1] = line[: begin - 1] + line[begin:end]
    return "\n".join(lines) + "\n"
