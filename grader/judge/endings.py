"""What a check came to, in words: how a child ended, and what its tests amount to."""

import signal
from collections.abc import Sequence

from grader.judge.protocol import TestResult


def explain(status: int, where: str) -> tuple[str, ...]:
    """The verdict, a headline and facts for a child that ended before its work did.

    Args:
        status: Its exit status, negative for a signal.
    """
    if status >= 0:
        return "failed", f"your code ended the process {where}: exit {status}"
    if -status == signal.SIGXCPU:
        return "timeout", f"timed out {where}: too much processor time"
    if -status == signal.SIGKILL:
        words = f"the process was killed {where}"
        return "failed", words, "most likely it was out of memory"
    name = signal.strsignal(-status) or f"signal {-status}"
    return "crashed", f"your code crashed the process {where}: {name.lower()}"


def where(running: str | None, *, importing: bool, sizes: bool = False) -> str:
    """What the child was at.

    Args:
        sizes: Whether its tests are the sizes of a benchmark.
    """
    if importing:
        return "while your file was imported"
    if running and sizes:
        return f"at size {int(running):,}"
    if running:
        return f'in the test "{TestResult(running, "").claim}"'
    return "between two sizes" if sizes else "between two tests"


def verdict(tests: Sequence[TestResult], *, complete: bool) -> str:
    """A pass needs every test to be reported, and none to fail."""
    outcomes = {test.outcome for test in tests}
    if complete and outcomes == {"skipped"}:
        return "skipped"
    if complete and "passed" in outcomes and outcomes <= {"passed", "skipped"}:
        return "passed"
    return "unimplemented" if outcomes == {"unimplemented"} else "failed"
