"""Whether a test that compares values is passed by an answer that took no thought.

The solution is judged with its answers replaced, by a few lines at its end that
grader.testing.degenerate explains. What happens in a test it prints.
"""

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from grader.content.card import load_card
from grader.content.catalog import Kata
from grader.content.stub import definitions, methods
from grader.gate.report import Report
from grader.judge.judging import judge_tasks
from grader.judge.protocol import Result, Task
from grader.judge.tasks import new_seed, new_task

# what is answered, and in words
KINDS = {"zeros": "zeros", "constant": "one value everywhere", "input": "its own input"}
REPLACED, COMPARED = "kata verify: an answer replaced", "kata verify: a value compared"

Listener = Callable[[int, int, Report | None], None]


def judge_degenerate(reports: list[Report], *, jobs: int, listener: Listener) -> None:
    """Add to the reports of katas that are sound otherwise and can run here."""
    trials: dict[str, tuple[Report, str, Task]] = {}
    found: dict[str, dict[str, list[str]]] = {}
    for report in reports:
        if report.sound and not report.skipped:
            for kind in KINDS:
                task = _task(report.kata, kind)
                trials[task.key] = report, kind, task
    tasks = [task for _, _, task in trials.values()]
    for done, (task, result) in enumerate(judge_tasks(tasks, jobs=jobs), start=1):
        report, kind, _ = trials[task.key]
        if result.verdict in ("passed", "failed"):
            found.setdefault(report.kata.id, {})[kind] = _passed(result)
        listener(done, len(tasks), report)
    for report in reports:
        if report.kata.id in found:
            report.problems += _problems(report.kata, found[report.kata.id])


def _task(kata: Kata, kind: str) -> Task:
    source = _spoilt(kata, kind)
    place = Path("/", "kata-verify", kind, kata.track, f"{kata.slug}.py")
    task = new_task(kata, source, place, seed=new_seed())
    assert isinstance(task, Task)
    # what replaces answers may use any function
    return replace(task, forbids=())


def _spoilt(kata: Kata, kind: str) -> str:
    """The solution, whose public names now answer like this."""
    names = {
        node.name: [method.name for method in methods(node)]
        if isinstance(node, ast.ClassDef)
        else []
        for node in definitions(ast.parse(kata.stub.read_text(encoding="utf-8")))
    }
    call = f"spoil(globals(), {names!r}, {kind!r}, {REPLACED!r}, {COMPARED!r})"
    solution = kata.solution.read_text(encoding="utf-8")
    return f"{solution}\n\nfrom grader.testing.degenerate import spoil\n\n{call}\n"


def _passed(result: Result) -> list[str]:
    """The tests that were given such answers, compare values, and do not mind."""
    return [
        test.name
        for test in result.tests
        if test.outcome == "passed" and REPLACED in test.printed and COMPARED in test.printed
    ]


def _problems(kata: Kata, found: Mapping[str, list[str]]) -> Iterator[str]:
    listed = load_card(kata).degenerate
    passed: dict[str, list[str]] = {}
    # in one order, whichever was judged first
    for kind, words in KINDS.items():
        for name in found.get(kind, ()):
            passed.setdefault(name, []).append(words)
    for name, answers in passed.items():
        if name not in listed and _bare(name) not in listed:
            yield (
                f"reference_tests/{kata.track}/{kata.tests.name}: {name} passes an attempt that "
                f"returns {' or '.join(answers)}: draw other inputs, compare more, or list it as "
                "degenerate in the card if that is its claim"
            )
    for name in listed:
        if len(found) == len(KINDS) and name not in passed and name not in map(_bare, passed):
            yield (
                f"solutions/{kata.id}.toml: degenerate lists {name}, which no degenerate answer "
                "passes; take it out"
            )


def _bare(test: str) -> str:
    return test.partition("[")[0]
