"""Whether a test that compares values is passed by an answer that took no thought.

The solution is judged with its answers replaced, by a few lines at its end that
grader.testing.degenerate explains. What happens in a test it prints.
"""

import ast
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
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

# a test that passes by chance in one draw does not in all of them
DRAWS = 3

Listener = Callable[[int, int, Report | None], None]
# the tests that passed, by what was answered
Draw = Mapping[str, Collection[str]]


def judge_degenerate(reports: list[Report], *, jobs: int, listener: Listener) -> None:
    """Add to the reports of katas that are sound otherwise and can run here.

    What comes of one draw of inputs may be chance: it counts when others say the same.
    """
    draws: dict[str, list[Draw]] = {report.kata.id: [] for report in reports}
    doubtful = [report for report in reports if report.sound and not report.skipped]
    for _ in range(DRAWS):
        for kata, draw in _draw(doubtful, jobs=jobs, listener=listener).items():
            draws[kata].append(draw)
        doubtful = [r for r in doubtful if any(_problems(r.kata, draws[r.kata.id]))]
    for report in doubtful:
        report.problems += _problems(report.kata, draws[report.kata.id])


def _draw(reports: list[Report], *, jobs: int, listener: Listener) -> dict[str, Draw]:
    """What passes under one seed, by kata."""
    trials: dict[str, tuple[Report, str, Task]] = {}
    for report in reports:
        for kind in KINDS:
            task = _task(report.kata, kind)
            trials[task.key] = report, kind, task
    found: dict[str, dict[str, set[str]]] = {report.kata.id: {} for report in reports}
    tasks = [task for _, _, task in trials.values()]
    for done, (task, result) in enumerate(judge_tasks(tasks, jobs=jobs), start=1):
        report, kind, _ = trials[task.key]
        if result.verdict in ("passed", "failed"):
            found[report.kata.id][kind] = set(_passed(result))
        listener(done, len(tasks), report)
    return dict(found)


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


def _problems(kata: Kata, draws: Sequence[Draw]) -> Iterator[str]:
    """What passed in every draw and is not listed; what is listed and never passed."""
    listed = load_card(kata).degenerate
    passed: dict[str, list[str]] = {}
    for kind, words in KINDS.items():
        always = set.intersection(*(set(draw.get(kind, ())) for draw in draws))
        for name in sorted(always):
            passed.setdefault(name, []).append(words)
    for name, answers in passed.items():
        if name not in listed and _bare(name) not in listed:
            yield (
                f"reference_tests/{kata.track}/{kata.tests.name}: {name} passes an attempt that "
                f"returns {' or '.join(answers)}: draw other inputs, compare more, or list it as "
                "degenerate in the card if that is its claim"
            )
    ever = {name for draw in draws for names in draw.values() for name in names}
    whole = all(len(draw) == len(KINDS) for draw in draws)
    for name in listed:
        if whole and name not in ever and name not in map(_bare, ever):
            yield (
                f"solutions/{kata.id}.toml: degenerate lists {name}, which no degenerate answer "
                "passes; take it out"
            )


def _bare(test: str) -> str:
    return test.partition("[")[0]
