"""What the dashboard shows, derived from the facts."""

import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date

from grader.cli.actions import next_kata
from grader.cli.desk import Desk
from grader.content.catalog import Kata
from grader.progress.derive import State

LATEST = 8


@dataclass(frozen=True, slots=True)
class TrackBar:
    slug: str
    title: str
    solved: int
    started: int
    total: int


@dataclass(frozen=True, slots=True)
class BestTime:
    kata: str
    seconds: float
    minutes: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """One check, of the latest."""

    kata: str
    at: float
    verdict: str
    passed: int
    total: int


@dataclass(frozen=True, slots=True)
class DebugRounds:
    """Attributes:
    fixed: Rounds that passed without a look at the solution.
    bugs: Those that were found in them.
    """

    fixed: int
    bugs: int
    best: tuple[BestTime, ...]


@dataclass(frozen=True, slots=True)
class Overview:
    """Attributes:
    seconds: Time spent, pauses left out.
    streak: Days in a row with a check.
    current: The kata at hand and its clock in seconds.
    following: What comes next.
    """

    tracks: tuple[TrackBar, ...]
    solved: int
    total: int
    streak: int
    seconds: float
    checks: int
    best: tuple[BestTime, ...]
    current: tuple[Kata, float] | None
    following: Kata | None
    latest: tuple[Attempt, ...]
    debug: DebugRounds

    def to_data(self) -> dict[str, object]:
        """The object that --json prints."""
        return {
            "solved": self.solved,
            "total": self.total,
            "streak": self.streak,
            "seconds": round(self.seconds),
            "checks": self.checks,
            "tracks": [asdict(track) for track in self.tracks],
            "best": [asdict(best) for best in self.best],
            "current": self.current[0].id if self.current else None,
            "next": self.following.id if self.following else None,
            "latest": [asdict(attempt) for attempt in self.latest],
            "debug": asdict(self.debug),
        }


def overview(desk: Desk) -> Overview:
    state, now = desk.state(), time.time()
    bars = []
    for track in desk.catalog.tracks:
        statuses = [state.of(kata.id).status for kata in track.katas]
        solved = statuses.count("solved")
        open_ = len(statuses) - solved - statuses.count("new")
        bars.append(TrackBar(track.slug, track.title, solved, open_, len(statuses)))
    debugged = [kata.debugged() for kata in desk.catalog]
    won = [r.bugs for kata in debugged for r in state.of(kata.id).won if r.bugs]
    katas = {kata.id: kata for kata in (*desk.catalog, *debugged)}
    current = katas.get(state.current or "")
    this = state.of(current.id).round if current else None
    running = this is not None and not this.over
    return Overview(
        tracks=tuple(bars),
        solved=sum(bar.solved for bar in bars),
        total=sum(bar.total for bar in bars),
        streak=state.streak(date.today()),
        seconds=sum(known.spent(now) for known in state.katas.values()),
        checks=len(state.checks),
        best=_best(state, desk.catalog),
        current=(current, state.of(current.id).elapsed(now)) if current and running else None,
        following=next_kata(desk, state, current),
        latest=tuple(
            Attempt(
                event.kata,
                event.at,
                event.data.get("verdict", ""),
                event.data.get("passed", 0),
                event.data.get("total", 0),
            )
            for event in reversed(state.checks[-LATEST:])
        ),
        debug=DebugRounds(
            fixed=len(won),
            bugs=sum(len(bugs.lines) for bugs in won),
            best=_best(state, debugged),
        ),
    )


def _best(state: State, katas: Iterable[Kata]) -> tuple[BestTime, ...]:
    timed = ((kata, state.of(kata.id).best) for kata in katas)
    return tuple(BestTime(kata.id, best, kata.minutes) for kata, best in timed if best is not None)
