"""What the files alone tell: that they are there, parse, and agree with each other."""

import ast
import re
from pathlib import Path

from grader.content.card import Card, load_card
from grader.content.catalog import Catalog, Kata, content_root
from grader.content.stub import Definition, definitions, methods, signatures
from grader.errors import KataError
from grader.gate.mutants.make import one_line

HINTS = 3
MISTAKES = 4
FOLLOW_UPS = 3
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
MUTABLE = re.compile(r"\b(Tensor|ndarray|list|dict|set|Mapping|Sequence|Module)\b")
SECTIONS = ("Returns:", "Not allowed:", "Source:")


def static_problems(kata: Kata, catalog: Catalog) -> list[str]:
    """Each problem names the file, the cause and the fix."""
    missing = [p for p in (kata.stub, kata.solution, kata.card, kata.tests) if not p.is_file()]
    if missing:
        return [f"{_short(path)}: missing; every kata has four files" for path in missing]
    problems = _line_problems(kata, catalog)
    for path in (kata.stub, kata.solution, kata.tests):
        try:
            ast.parse(path.read_text(encoding="utf-8"))
        except SyntaxError as error:
            problems.append(f"{_short(path)}:{error.lineno}: {error.msg}")
    try:
        card = load_card(kata)
    except KataError as error:
        return [*problems, str(error)]
    if problems:
        return problems
    return [
        *_stub_problems(kata),
        *_test_problems(kata),
        *_card_problems(kata, card),
        *_forbidden_problems(kata, card),
    ]


def test_names(path: Path) -> list[str]:
    """The test functions of a file, without their parameters."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]


def _line_problems(kata: Kata, catalog: Catalog) -> list[str]:
    track = _short(kata.stub.with_name("track.toml"))
    slugs = [other.slug for other in catalog]
    problems = [
        f"{track}: {kata.slug} needs {need}, which is no kata; name one that exists"
        for need in kata.needs
        if need not in slugs
    ]
    if slugs.count(kata.slug) > 1:
        problems.append(f"{track}: the slug {kata.slug} stands in two tracks; rename one")
    if not 1 <= kata.minutes <= 120:
        problems.append(f"{track}: {kata.slug} takes {kata.minutes} minutes; give 1 to 120")
    return problems


def _stub_problems(kata: Kata) -> list[str]:
    stub, solution = (path.read_text(encoding="utf-8") for path in (kata.stub, kata.solution))
    name, problems = _short(kata.stub), []
    theirs = signatures(solution)
    for what, signature in signatures(stub).items():
        if what not in theirs:
            problems.append(f"{_short(kata.solution)}: lacks {what}, which the stub defines")
        elif theirs[what] != signature:
            problems.append(
                f"{_short(kata.solution)}: {what} is {theirs[what]}, in the stub {signature}; "
                "make them the same"
            )
    tree = ast.parse(stub)
    text = "\n".join(
        ast.get_docstring(node) or "" for node in ast.walk(tree) if isinstance(node, DOCUMENTED)
    )
    for section in SECTIONS:
        if section not in text:
            problems.append(f"{name}: the spec has no section {section!r}; write it")
    if "in place" not in text and any(_takes_mutable(node) for node in definitions(tree)):
        problems.append(
            f"{name}: the spec does not say whether inputs may be changed in place; say it"
        )
    for node in definitions(tree):
        if isinstance(node, ast.ClassDef):
            unsolved = [m for m in methods(node) if not _raises(m)]
            problems += [
                f"{name}:{m.lineno}: {m.name} must raise NotImplementedError" for m in unsolved
            ]
        elif not _raises(node):
            problems.append(f"{name}:{node.lineno}: {node.name} must raise NotImplementedError")
    return problems


def _takes_mutable(node: Definition) -> bool:
    """Whether a function or method is given something that it could change."""
    parts = methods(node) if isinstance(node, ast.ClassDef) else [node]
    annotations = [
        ast.unparse(arg.annotation)
        for part in parts
        for arg in (*part.args.posonlyargs, *part.args.args, *part.args.kwonlyargs)
        if arg.annotation
    ]
    return any(MUTABLE.search(annotation) for annotation in annotations)


def _raises(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a body is only: raise NotImplementedError."""
    last = node.body[-1]
    return (
        len(node.body) <= 2
        and isinstance(last, ast.Raise)
        and isinstance(last.exc, ast.Name)
        and last.exc.id == "NotImplementedError"
    )


def _test_problems(kata: Kata) -> list[str]:
    """An assert that is no comparison can tell a learner nothing unless it has words.

    What pytest.approx compares is seen by neither the gate nor a diagnosis.
    """
    name, problems = _short(kata.tests), []
    for node in ast.walk(ast.parse(kata.tests.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Assert) and node.msg is None and not _compares(node.test):
            problems.append(f"{name}:{node.lineno}: give this assert a message in plain words")
        if isinstance(node, ast.Attribute) and node.attr == "approx":
            problems.append(f"{name}:{node.lineno}: use assert_close in place of pytest.approx")
    if not test_names(kata.tests):
        problems.append(f"{name}: no tests")
    return problems


def _compares(test: ast.expr) -> bool:
    return isinstance(test, ast.Compare) and len(test.ops) == 1


def _card_problems(kata: Kata, card: Card) -> list[str]:
    name, problems = _short(kata.card), []
    if len(card.hints) != HINTS:
        problems.append(f"{name}: {len(card.hints)} hints; give {HINTS}: direction, crux, tool")
    if len(card.mistakes) < MISTAKES:
        problems.append(f"{name}: {len(card.mistakes)} mistakes; name at least {MISTAKES}")
    if len(card.follow_ups) < FOLLOW_UPS:
        problems.append(f"{name}: {len(card.follow_ups)} follow-ups; ask at least {FOLLOW_UPS}")
    solution = kata.solution.read_text(encoding="utf-8")
    tests = test_names(kata.tests)
    problems += [
        f"{name}: degenerate lists {test}, which is no test of {kata.tests.name}"
        for test in card.degenerate
        if test.partition("[")[0] not in tests
    ]
    for mistake in card.mistakes:
        where = f"{name}: mistakes.{mistake.name}"
        try:
            ast.parse(mistake.apply(solution))
        except ValueError as error:
            problems.append(f"{where}: {error}")
        except SyntaxError as error:
            problems.append(f"{where}: with it the solution is not Python: {error.msg}")
        if mistake.caught_by.partition("[")[0] not in tests:
            problems.append(
                f"{where}: caught_by {mistake.caught_by} is no test of {kata.tests.name}"
            )
    code = one_line(solution.splitlines())
    for marking in card.equivalent:
        where = f"{name}: equivalent {marking.after!r}"
        if marking.before not in code:
            problems.append(f"{where}: before is not in the solution any more; remove it")
        if not marking.reason:
            problems.append(f"{where}: say in reason why no test can tell")
    return problems


def _forbidden_problems(kata: Kata, card: Card) -> list[str]:
    """Names in the solution's text; what hides behind an alias is seen when it runs."""
    name, problems = _short(kata.solution), []
    for node in ast.walk(ast.parse(kata.solution.read_text(encoding="utf-8"))):
        used = set()
        if isinstance(node, ast.Attribute):
            used = {node.attr}
        elif isinstance(node, ast.ImportFrom | ast.Import):
            used = {alias.name for alias in node.names}
        for word in used & set(card.forbids):
            problems.append(
                f"{name}:{getattr(node, 'lineno', 0)}: uses {word}, which the card forbids"
            )
    return problems


def _short(path: Path) -> str:
    return str(path.relative_to(content_root()))
