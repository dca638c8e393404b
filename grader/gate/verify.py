"""Runs each kata's hidden tests on its stub, its solution and its mistakes."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from grader.content.card import Mistake, load_card
from grader.content.catalog import Kata, load_catalog
from grader.gate.benches import judge_benches
from grader.gate.degenerate import judge_degenerate
from grader.gate.mutants.general import require_cosmic_ray
from grader.gate.mutation import Listener, score_mutants
from grader.gate.report import Report
from grader.gate.static import static_problems
from grader.judge.judging import judge_tasks
from grader.judge.protocol import Limits, Result, Task, TestResult
from grader.judge.tasks import new_seed, new_task

# of the solution; a mistake has one
SEEDS = 3
# processor seconds on the solution; kernels are interpreted, and ranks are processes
CPU_LIMIT = 2.0
CPU_LIMIT_SLOW = 6.0
# a learner waits for less, but not while the machine is busy with many checks
PATIENT = Limits(total=300.0, diagnosis=60.0)

# the ids that pytest makes of several numbers, such as [3-7-True]
UNREADABLE = re.compile(r"\[-?[\d.]+(-(-?[\d.]+|True|False|None))+\]$")


@dataclass(frozen=True, slots=True)
class Trial:
    """One run of a kata's tests: on its stub, its solution, or a mistake.

    Attributes:
        of: How many runs there are of this kind, or of this mistake.
    """

    report: Report
    kind: str
    task: Task
    of: int
    mistake: Mistake | None = None


def verify_katas(
    katas: list[Kata],
    *,
    jobs: int,
    seeds: int | None = None,
    mutants: bool = False,
    listener: Listener | None = None,
) -> list[Report]:
    """Look at the files of each kata, then run what can run, so many at once.

    Args:
        seeds: How many for each solution and each mistake; 3 and 1 if none is given.
        mutants: Whether to judge the mutants of those that are sound otherwise.
    """
    if mutants:
        require_cosmic_ray()
    catalog = load_catalog()
    reports = [Report(kata, static_problems(kata, catalog)) for kata in katas]
    trials = {
        trial.task.key: trial
        for report in reports
        if report.sound
        for trial in _trials(report, seeds)
    }
    tell = listener or (lambda done, total, report: None)
    tell(0, len(trials), None)
    tasks = [trial.task for trial in trials.values()]
    for done, (task, result) in enumerate(judge_tasks(tasks, jobs=jobs), start=1):
        trial = trials[task.key]
        _judge(trial, result)
        tell(done, len(trials), trial.report)
    for report in reports:
        report.settle()
        _judge_time(report)
    judge_degenerate(reports, jobs=jobs, listener=tell)
    judge_benches(reports, jobs=jobs, listener=tell)
    if mutants:
        score_mutants(reports, jobs=jobs, listener=tell)
    return reports


def _trials(report: Report, seeds: int | None) -> Iterator[Trial]:
    kata = report.kata
    card = load_card(kata)
    solution = kata.solution.read_text(encoding="utf-8")
    programs: list[tuple[str, str, Mistake | None, int]] = [
        ("stub", kata.stub.read_text(encoding="utf-8"), None, 1),
        ("solution", solution, None, seeds or SEEDS),
        *[("mistake", mistake.apply(solution), mistake, seeds or 1) for mistake in card.mistakes],
    ]
    for kind, text, mistake, of in programs:
        for _ in range(of):
            task = new_task(
                kata,
                text,
                _place(kata, kind),
                seed=new_seed(),
                limits=PATIENT,
                diagnose=bool(mistake),
                patient=True,
            )
            if isinstance(task, Result):
                report.skipped = task.message
                return
            yield Trial(report, kind, task, of, mistake)


def _place(kata: Kata, kind: str) -> Path:
    """A path for messages: nothing is there."""
    return Path("/", "kata-verify", kind, kata.track, f"{kata.slug}.py")


def _judge(trial: Trial, result: Result) -> None:
    report, kata = trial.report, trial.report.kata
    tests = f"reference_tests/{kata.track}/{kata.tests.name}"
    if result.broken:
        # neither the solution nor the tests load: true of every trial
        words = f"{tests}: {result.message}"
        report.problems += [words] if words not in report.problems else []
    elif trial.kind == "stub":
        for test in result.tests:
            if test.outcome != "unimplemented":
                report.problems.append(
                    f"{tests}: {test.name} does not meet NotImplementedError in the stub "
                    f"({test.outcome}); call the attempt in it"
                )
        if not result.tests:
            report.problems.append(f"{tests}: the stub is not judged: {result.message}")
    elif trial.kind == "solution":
        _judge_solution(report, result, tests, trial.of)
    elif trial.mistake is not None:
        _judge_mistake(report, trial.mistake, result, tests, trial.of)


def _judge_solution(report: Report, result: Result, tests: str, of: int) -> None:
    if not result.passed and result.verdict != "skipped":
        failing = [t for t in result.tests if t.outcome not in ("passed", "skipped")]
        for test in failing:
            words = f"{tests}: {test.name} fails on the solution"
            report.note(words, result.seed, of=of, seen=f": {test.message}")
        if not failing:
            words = f"{tests}: the solution is not judged"
            report.note(words, result.seed, of=of, seen=f": {result.message}")
    report.cpu = max(report.cpu, result.cpu)
    report.slowest = max(report.slowest, *(test.seconds for test in result.tests), 0.0)
    if unreadable := [test.name for test in result.tests if UNREADABLE.search(test.name)]:
        words = f"{unreadable[0]} tells a learner nothing; give its parameters ids"
        if (problem := f"{tests}: {words}") not in report.problems:
            report.problems.append(problem)


def _judge_time(report: Report) -> None:
    kata = report.kata
    if not report.cpu:
        return
    limit = CPU_LIMIT_SLOW if load_card(kata).requires else CPU_LIMIT
    if report.cpu > limit:
        report.problems.append(
            f"reference_tests/{kata.track}/{kata.tests.name}: takes {report.cpu:.1f} s of "
            f"processor time on the solution; at most {limit:g} s: use smaller inputs"
        )


def _judge_mistake(report: Report, mistake: Mistake, result: Result, tests: str, of: int) -> None:
    failed = [t for t in result.tests if t.outcome == "failed" and mistake.catches(t.name)]
    caught = bool(failed)
    report.mistakes[mistake.name] = caught and report.mistakes.get(mistake.name, True)
    if not caught:
        others = [t.name for t in result.tests if t.outcome == "failed"]
        seen = f"caught by {', '.join(others)}" if others else f"verdict {result.verdict}"
        words = f"{mistake.caught_by} does not catch the mistake {mistake.name}"
        report.note(f"{tests}: {words}", result.seed, of=of, seen=f" ({seen})")
    elif found := _broken(mistake, failed) or _misjudged(mistake, result):
        card = f"solutions/{report.kata.track}/{report.kata.card.name}"
        report.note(f"{card}: {found}", result.seed, of=of)


def _broken(mistake: Mistake, failed: list[TestResult]) -> str | None:
    """What to do about a mistake that breaks down where it should compute something wrong."""
    errors = [t.failure.headline for t in failed if t.failure and t.failure.raised]
    if mistake.raises or mistake.says or len(errors) < len(failed):
        return None
    return (
        f"the mistake {mistake.name} computes nothing, it ends in {errors[0]}; mend its `replace`, "
        "or give it `raises = true` if that is what people meet"
    )


def _misjudged(mistake: Mistake, result: Result) -> str | None:
    """What is wrong with the diagnosis of an attempt that makes one mistake."""
    if result.diagnosis is None:
        return (
            f"the mistake {mistake.name} is not recognised: no other may compute the same in the "
            "hidden tests; where these are slow, `fails` and `says` help (CONTRIBUTING.md)"
        )
    if result.diagnosis.mistakes != (mistake.name,):
        others = " and ".join(result.diagnosis.mistakes)
        return f"the mistake {mistake.name} is taken for {others}"
    return None
