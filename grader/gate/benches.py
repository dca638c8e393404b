"""Whether a kata's bench, if it has one, says what it should and runs on the solution."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from grader.content.benchmark import Benchmark, read_benchmark
from grader.content.card import load_card
from grader.content.catalog import Kata
from grader.gate.report import Report
from grader.judge import runtime
from grader.judge.judging import judge_tasks
from grader.judge.protocol import Task
from grader.judge.tasks import new_seed, new_task

Listener = Callable[[int, int, Report | None], None]


def judge_benches(reports: list[Report], *, jobs: int, listener: Listener) -> None:
    """Add to the reports of katas that are sound otherwise and can run here."""
    trials: dict[str, tuple[Report, Task]] = {}
    for report in reports:
        if not report.sound or report.skipped:
            continue
        try:
            found = read_benchmark(report.kata.tests)
        except ValueError as error:
            report.problems.append(f"{_tests(report.kata)}: {error}")
            continue
        kernel = "triton" in load_card(report.kata).requires
        if isinstance(found, Benchmark) and (runtime.has_gpu() or not kernel):
            task = _task(report.kata, found, device="auto" if kernel else "cpu")
            trials[task.key] = report, task
    tasks = [task for _, task in trials.values()]
    for done, (task, result) in enumerate(judge_tasks(tasks, jobs=jobs), start=1):
        report = trials[task.key][0]
        if not result.passed:
            size = f"size {task.sizes[0]}, seed {task.seed}"
            words = result.message.replace("\n", "; ")
            report.problems.append(
                f"{_tests(report.kata)}: bench does not run on the solution, {size}: {words}"
            )
        listener(done, len(tasks), report)


def _task(kata: Kata, benchmark: Benchmark, *, device: str) -> Task:
    """The solution at the smallest size, without a clock."""
    place = Path("/", "kata-verify", "bench", kata.track, f"{kata.slug}.py")
    source = kata.solution.read_text(encoding="utf-8")
    task = new_task(kata, source, place, seed=new_seed(), device=device)
    assert isinstance(task, Task)
    return replace(task, sizes=benchmark.sizes[:1])


def _tests(kata: Kata) -> str:
    return f"reference_tests/{kata.track}/{kata.tests.name}"
