"""Check: judge an attempt, and keep what came of it before anybody sees it."""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grader.cli.desk import Desk
from grader.content.card import Card, load_card
from grader.content.catalog import Kata
from grader.errors import KataError
from grader.judge.cancel import Cancellation
from grader.judge.events import Events
from grader.judge.judging import judge
from grader.judge.protocol import Limits, Result, TestResult
from grader.judge.tasks import read_attempt

if TYPE_CHECKING:
    from grader.progress.derive import KataState


@dataclass(frozen=True, slots=True)
class Attempt:
    """What is judged.

    Attributes:
        path: Where it lies; of what lies in no file, what the person calls it.
        elsewhere: Whether it is not the file in the practice folder.
    """

    path: Path
    source: str
    elsewhere: bool = False


def read(desk: Desk, kata: Kata, file: Path | None = None) -> Attempt:
    """The attempt in the practice folder, or in another file; raises KataError without one."""
    path = (file or desk.practice.attempt(kata)).absolute()
    return Attempt(path, read_attempt(kata, path), elsewhere=file is not None)


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
    attempt: Attempt
    result: Result
    card: Card
    state: "KataState"
    elapsed: float | None
    best_before: float | None
    first: bool
    following: Kata | None

    @property
    def path(self) -> Path:
        return self.attempt.path


def check(
    desk: Desk,
    kata: Kata,
    *,
    attempt: Attempt | None = None,
    seed: int | None = None,
    device: str = "auto",
    timeout: float | None = None,
    sweep: bool = False,
    events: "CheckEvents | None" = None,
    cancel: Cancellation | None = None,
) -> Checked:
    """Judge one kata's attempt and append what came of it.

    Args:
        attempt: The one in the practice folder, if none is given.
        timeout: Seconds for one test.
        events: Told of each step; of the verdict before a diagnosis is looked for.
        sweep: One of many: it does not become the current kata.
        cancel: Ends the check when asked to; then nothing is recorded.
    """
    attempt = attempt or read(desk, kata)
    limits = limits_of(timeout) if timeout else None
    facts: dict[str, Any] = {"sweep": True} if sweep else {}
    facts |= {"file": str(attempt.path)} if attempt.elsewhere else {}
    keeper = Keeper(desk, kata, attempt, facts, events or CheckEvents())
    result = judge(
        kata, attempt.path, attempt.source, progress=desk.practice.state, seed=seed,
        device=device, limits=limits, events=keeper, cancel=cancel,
    )  # fmt: skip
    assert keeper.checked is not None
    if result.diagnosis is None:
        return keeper.checked
    desk.store.append("diagnosed", kata.id, **asdict(result.diagnosis))
    return replace(keeper.checked, result=result)


def limits_of(timeout: float) -> Limits:
    """For a machine on which a test may take so many seconds."""
    usual = Limits()
    slower = max(timeout / usual.test, 1.0)
    return Limits(test=timeout, total=slower * usual.total, diagnosis=slower * usual.diagnosis)


class CheckEvents(Events):
    """Told of a check's steps, and of what was kept of it."""

    def checked(self, checked: Checked) -> None:
        """The verdict is kept: it can be shown."""


class Keeper(Events):
    """Keeps a verdict as soon as it stands, and passes on what it is told.

    Args:
        facts: What is to be remembered beside the verdict.

    Attributes:
        checked: None until then.
    """

    def __init__(
        self,
        desk: Desk,
        kata: Kata,
        attempt: Attempt,
        facts: Mapping[str, Any],
        events: CheckEvents,
    ) -> None:
        self._desk, self._kata, self._attempt = desk, kata, attempt
        self._facts, self._events = facts, events
        self.checked: Checked | None = None

    @cached_property
    def _before(self) -> "KataState":
        return self._desk.state().of(self._kata.id)

    @cached_property
    def _card(self) -> Card:
        return load_card(self._kata)

    def begun(self) -> None:
        # there is time while the child is at work
        import grader.cli.actions

        assert grader.cli.actions
        assert self._before
        assert self._card
        self._events.begun()

    def tested(self, test: TestResult) -> None:
        self._events.tested(test)

    def judged(self, result: Result) -> None:
        if result.broken:
            # nobody's attempt was judged
            return
        before = self._before
        self._desk.store.append(
            "checked",
            self._kata.id,
            source=self._attempt.source,
            verdict=result.verdict,
            seed=result.seed,
            seconds=round(result.seconds, 3),
            passed=sum(test.outcome == "passed" for test in result.tests),
            total=len(result.tests),
            failing=[t.name for t in result.tests if t.outcome not in ("passed", "skipped")],
            **self._facts,
        )
        self.checked = self._after(result, before)
        self._events.checked(self.checked)

    def _after(self, result: Result, before: "KataState") -> Checked:
        whole = self._desk.state()
        state = whole.of(self._kata.id)
        timed = bool(before.round and before.round.timed)
        following = None
        if result.passed:
            from grader.cli.actions import next_kata

            following = next_kata(self._desk, whole, self._kata)
        return Checked(
            kata=self._kata,
            attempt=self._attempt,
            result=result,
            card=self._card,
            state=state,
            elapsed=state.elapsed(time.time()) if timed else None,
            best_before=before.best,
            first=result.passed and not (before.round and before.round.over),
            following=following,
        )


def started_katas(desk: Desk) -> list[Kata]:
    """The katas that have an attempt in the practice folder."""
    found = [kata for kata in desk.catalog if desk.practice.attempt(kata).exists()]
    if not found:
        raise KataError(f"no attempts under {desk.practice.root}: kata start NAME makes one")
    return found
