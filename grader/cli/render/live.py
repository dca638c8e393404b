"""What moves on the screen while there is work; nothing where there is no terminal."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from grader.cli.checking import Checked, CheckEvents
from grader.content.catalog import Kata
from grader.judge.events import Events
from grader.judge.protocol import TestResult

if TYPE_CHECKING:
    from rich.status import Status

    from grader.gate.report import Report


class Judging(CheckEvents):
    """A spinner that counts the claims as they are judged, then the verdict. Use as a context.

    Rich is imported once the child is at work, and not before.

    Attributes:
        kept: Whether the verdict is.
    """

    def __init__(self, kata: Kata, show: Callable[[Checked], None], *, quiet: bool = False) -> None:
        self._kata, self._show, self._quiet = kata, show, quiet
        self.kept = False
        self._held = self._failed = 0
        self._status: Status | None = None
        self._stack = ExitStack()

    def __enter__(self) -> "Judging":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def begun(self) -> None:
        if self._quiet:
            return
        import grader.cli.render.check
        from grader.cli.render.console import console

        assert grader.cli.render.check
        # a warm judge that has gone is followed by a cold one
        self._held = self._failed = 0
        err = console(stderr=True)
        if err.is_terminal and self._status is None:
            words = f"[soft]{self._kata.slug}: loading torch[/]"
            self._status = self._stack.enter_context(err.status(words, spinner="dots"))

    def tested(self, test: TestResult) -> None:
        self._held += test.outcome == "passed"
        self._failed += test.outcome not in ("passed", "skipped")
        if self._status is not None:
            words = f"[soft]{self._kata.slug}:[/] [good]{self._held} hold[/]"
            more = f", [bad]{self._failed} do not[/]" if self._failed else ""
            self._status.update(words + more)

    def checked(self, checked: Checked) -> None:
        self.kept = True
        self._stack.close()
        self._show(checked)


class Measuring(Events):
    """A spinner that says which size is measured. Use as a context."""

    def __init__(self, kata: Kata, sizes: Sequence[int], *, quiet: bool = False) -> None:
        self._kata, self._left, self._quiet = kata, list(sizes), quiet
        self._stack = ExitStack()
        self._status: Status | None = None

    def __enter__(self) -> "Measuring":
        if not self._quiet:
            from grader.cli.render.console import console

            err = console(stderr=True)
            if err.is_terminal:
                self._status = self._stack.enter_context(err.status("", spinner="dots"))
                self._say()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def tested(self, test: TestResult) -> None:
        del self._left[:1]
        self._say()

    def _say(self) -> None:
        if self._status is not None and self._left:
            more = f", {len(self._left) - 1} more to come" if self._left[1:] else ""
            words = f"passed; beside the reference at {self._left[0]:,}{more}"
            self._status.update(f"[soft]{self._kata.slug}: {words}[/]")


@contextmanager
def verifying(
    katas: list[Kata], *, quiet: bool
) -> Iterator["Callable[[int, int, Report | None], None]"]:
    """A bar over all checks of the gate."""
    from grader.cli.render.console import console

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

        def listener(done: int, total: int, report: "Report | None") -> None:
            words = f"{report.kata.slug}" if report else None
            progress.update(bar, completed=done, total=total, description=words)

        yield listener
