"""Where planted mistakes are: hints that come closer, and the difference to the solution."""

import ast
import difflib
from collections.abc import Iterable, Iterator, Mapping

Lines = tuple[int, int]

# a function is told in stretches of about so many lines, wherever in one the mistake is
STRETCH = 6


def difference(planted: str, right: str) -> str:
    """What takes the planted file to the solution."""
    names = ("planted", "solution")
    return "\n".join(
        difflib.unified_diff(planted.splitlines(), right.splitlines(), *names, n=2, lineterm="")
    )


def pointers(
    planted: str, now: str, bugs: Mapping[str, Lines], claims: Mapping[str, str]
) -> tuple[str, str, str]:
    """Hints, each nearer to the mistakes whose lines are as they were planted.

    Args:
        now: The file as the learner has it.
        bugs: The lines of each mistake in the planted file.
        claims: What each mistake breaks, as a sentence.
    """
    moved = _moved(planted, now)
    left = {name: here for name, lines in bugs.items() if (here := _here(lines, moved))}
    words = "1 bug is planted" if len(bugs) == 1 else f"{len(bugs)} bugs are planted"
    changed = len(bugs) - len(left)
    if not left:
        done = "You have changed all lines that had a bug in them."
        return f"{words}.", done, f"{done} Compare them with the spec again."
    if changed:
        words += f", and you have changed the lines of {changed}"
    if told := [claims[name] for name in left if name in claims]:
        one = "It" if len(bugs) == 1 else "Another" if changed else "One of them"
        words += f". {one} breaks this claim: {told[0]}"
    regions: dict[str, list[Lines]] = {}
    for name, here in left.items():
        function, stretch = _region(planted, bugs[name], here)
        regions.setdefault(function, []).append(stretch)
    places = "; ".join(f"{function}, {_listed(lines)}" for function, lines in regions.items())
    return f"{words}.", f"Look at {places}.", f"Look at {_listed(left.values())}."


def _moved(planted: str, now: str) -> dict[int, int]:
    """Where each planted line that is still there has come to."""
    matcher = difflib.SequenceMatcher(None, planted.splitlines(), now.splitlines(), autojunk=False)
    return {
        a + offset + 1: b + offset + 1
        for a, b, size in matcher.get_matching_blocks()
        for offset in range(size)
    }


def _here(lines: Lines, moved: Mapping[int, int]) -> Lines | None:
    """Where the lines stand now; None if one was changed, or something put between them."""
    first, last = lines
    found = [moved.get(line) for line in range(first, last + 1)]
    begin = found[0]
    if begin is None or found != list(range(begin, begin + len(found))):
        return None
    return begin, begin + last - first


def _region(planted: str, lines: Lines, here: Lines) -> tuple[str, Lines]:
    """The function and the stretches of it that the lines are in, as they are numbered now."""
    name, begin, end = "the file", 1, len(planted.splitlines())
    for path, function in _functions(ast.parse(planted)):
        # what comes later is further within
        for first, last in _parts(function):
            if first <= lines[0] <= last:
                name, begin, end = path, first, last
    length = end - begin + 1
    count = max(length // STRETCH, 1)
    ends = [begin + length * n // count for n in range(count + 1)]
    start = max(row for row in ends if row <= lines[0])
    stop = min(row for row in ends if row > min(lines[1], end)) - 1
    shift = here[0] - lines[0]
    return name, (start + shift, stop + shift)


def _functions(node: ast.AST, path: str = "") -> Iterator[tuple[str, ast.FunctionDef]]:
    for child in ast.iter_child_nodes(node):
        name = f"{path}{getattr(child, 'name', '')}"
        if isinstance(child, ast.FunctionDef):
            yield name, child
        if isinstance(child, ast.ClassDef | ast.FunctionDef):
            yield from _functions(child, f"{name}.")


def _parts(function: ast.FunctionDef) -> list[Lines]:
    """The lines of the head and of the body, without the docstring between them."""
    begin = min([function.lineno, *(decorator.lineno for decorator in function.decorator_list)])
    first, *rest = function.body
    end = function.end_lineno or begin
    if ast.get_docstring(function) is None or not rest:
        return [(begin, first.lineno - 1), (first.lineno, end)]
    return [(begin, first.lineno - 1), (rest[0].lineno, end)]


def _listed(places: Iterable[Lines]) -> str:
    """Line 7; lines 7 and 9; lines 7 to 9, 12 and 15 to 20."""
    found = sorted(set(places))
    *others, last = (f"{a}" if a == b else f"{a} to {b}" for a, b in found)
    many = others or found[0][0] != found[0][1]
    words = f"{', '.join(others)} and {last}" if others else last
    return f"{'lines' if many else 'line'} {words}"
