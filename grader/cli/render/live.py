"""What moves on the screen while there is work; nothing where there is no terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from grader.cli.render.console import console
from grader.content.catalog import Kata
from grader.gate.report import Report
from grader.judge.protocol import TestResult


@contextmanager
def judging(kata: Kata) -> Iterator[Callable[[TestResult], None]]:
    """A spinner that counts the claims as they are judged."""
    err = console(stderr=True)
    if not err.is_terminal:
        yield lambda test: None
        return
    held = failed = 0
    with err.status(f"[soft]{kata.slug}: loading torch[/]", spinner="dots") as status:

        def listener(test: TestResult) -> None:
            nonlocal held, failed
            held += test.outcome == "passed"
            failed += test.outcome not in ("passed", "skipped")
            words = f"[soft]{kata.slug}:[/] [good]{held} hold[/]"
            status.update(f"{words}, [bad]{failed} do not[/]" if failed else words)

        yield listener


@contextmanager
def verifying(
    katas: list[Kata], *, quiet: bool
) -> Iterator[Callable[[int, int, Report | None], None]]:
    """A bar over all checks of the gate."""
    err = console(stderr=True)
    if quiet or not err.is_terminal:
        yield lambda done, total, report: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err, transient=True) as progress:
        bar = progress.add_task(f"{len(katas)} katas", total=None)

        def listener(done: int, total: int, report: Report | None) -> None:
            words = f"{report.kata.slug}" if report else None
            progress.update(bar, completed=done, total=total, description=words)

        yield listener
