"""Check: judge an attempt, and keep what came of it before anybody sees it."""

import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from grader.cli.desk import Desk
from grader.content.card import Card, load_card
from grader.content.catalog import Kata
from grader.errors import KataError
from grader.judge.cancel import Cancellation
from grader.judge.events import Events
from grader.judge.judging import judge
from grader.judge.protocol import Limits, Result, TestResult

if TYPE_CHECKING:
    from grader.progress.derive import KataState


@dataclass(frozen=True, slots=True)
class Checked:
    """A verdict, and where the person stands after it.

    Attributes:
        elapsed: Seconds on the clock at the check; None if the kata was never started.
        best_before: Seconds of the fastest round before this check.
        first: Whether this check ended a round with its first pass.
        following: What to do next after a pass.
    """

    kata: Kata
    path: Path
    result: Result
    card: Card
    state: "KataState"
    elapsed: float | None
    best_before: float | None
    first: bool
    following: Kata | None


def check(
    desk: Desk,
    kata: Kata,
    *,
    file: Path | None = None,
    seed: int | None = None,
    device: str = "auto",
    timeout: float | None = None,
    sweep: bool = False,
    events: Events | None = None,
    cancel: Cancellation | None = None,
) -> Checked:
    """Judge one kata's attempt and append what came of it.

    Args:
        file: The attempt, if it does not lie in the practice folder.
        timeout: Seconds for one test.
        events: Told of each step.
        sweep: One of many: it does not become the current kata.
        cancel: Ends the check when asked to; then nothing is recorded.
    """
    path = (file or desk.practice.attempt(kata)).absolute()
    limits = Limits(test=timeout, total=max(6 * timeout, 60.0)) if timeout else None
    before = Before(desk, kata, events or Events())
    result, source = judge(
        kata, path, seed=seed, device=device, limits=limits, events=before, cancel=cancel
    )
    former = before.state
    desk.store.append(
        "checked",
        kata.id,
        source=source,
        verdict=result.verdict,
        seed=result.seed,
        seconds=round(result.seconds, 3),
        passed=sum(test.outcome == "passed" for test in result.tests),
        total=len(result.tests),
        failing=[t.name for t in result.tests if t.outcome not in ("passed", "skipped")],
        **({"sweep": True} if sweep else {}),
        **({"file": str(path)} if file else {}),
    )
    whole = desk.state()
    state = whole.of(kata.id)
    timed = bool(former.round and former.round.timed)
    following = None
    if result.passed:
        from grader.cli.actions import next_kata

        following = next_kata(desk, whole, kata)
    return Checked(
        kata=kata,
        path=path,
        result=result,
        card=load_card(kata),
        state=state,
        elapsed=state.elapsed(time.time()) if timed else None,
        best_before=former.best,
        first=result.passed and not (former.round and former.round.over),
        following=following,
    )


class Before(Events):
    """Reads where the person stood while the child is at work, and passes on what it is told."""

    def __init__(self, desk: Desk, kata: Kata, events: Events) -> None:
        self._desk, self._kata, self._events = desk, kata, events

    @cached_property
    def state(self) -> "KataState":
        return self._desk.state().of(self._kata.id)

    def begun(self) -> None:
        assert self.state
        self._events.begun()

    def tested(self, test: TestResult) -> None:
        self._events.tested(test)

    def judged(self, result: Result) -> None:
        self._events.judged(result)


def started_katas(desk: Desk) -> list[Kata]:
    """The katas that have an attempt in the practice folder."""
    found = [kata for kata in desk.catalog if desk.practice.attempt(kata).exists()]
    if not found:
        raise KataError(f"no attempts under {desk.practice.root}: kata start NAME makes one")
    return found
