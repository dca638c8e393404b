"""What the dashboard shows, derived from the facts."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime

from grader.cli.actions import next_kata
from grader.cli.desk import Desk
from grader.content.card import load_card
from grader.content.catalog import Kata
from grader.progress.derive import State, derive
from grader.progress.habits import Pace, checks_by_day, frequent, paces, weeks
from grader.progress.plan import Today, todays_part
from grader.progress.schedule import due, schedule

LATEST = 8
MISTAKES = 5
# a year
WEEKS = 53


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
class Made:
    """A mistake that was made, in words, and how often."""

    kata: str
    tell: str
    times: int


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
    due: tuple[Kata, ...]
    plan: Today | None
    weeks: tuple[tuple[int | None, ...], ...]
    paces: tuple[Pace, ...]
    mistakes: tuple[Made, ...]

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
            "due": [kata.id for kata in self.due],
            "plan": [task.session.kata.id for task in self.plan.tasks] if self.plan else None,
            "weeks": self.weeks,
            "paces": [asdict(pace) for pace in self.paces],
            "mistakes": [asdict(made) for made in self.mistakes],
        }


def overview(desk: Desk) -> Overview:
    events, now = desk.store.events(), time.time()
    state, today = derive(events), datetime.fromtimestamp(now).date()
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
        streak=state.streak(today),
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
        due=tuple(one.kata for one in due(schedule(state, desk.catalog).values(), today)),
        plan=todays_part(events, desk.catalog, now),
        weeks=weeks(checks_by_day(state), today, WEEKS),
        paces=tuple(paces(state, desk.catalog)),
        mistakes=tuple(_made(state, desk.catalog)),
    )


def _made(state: State, katas: Iterable[Kata]) -> Iterator[Made]:
    by_id = {kata.id: kata for kata in katas}
    for one in frequent(state, by_id.values())[:MISTAKES]:
        tells = {mistake.name: mistake.tell for mistake in load_card(by_id[one.kata]).mistakes}
        if one.mistake in tells:
            yield Made(one.kata, tells[one.mistake], one.times)


def _best(state: State, katas: Iterable[Kata]) -> tuple[BestTime, ...]:
    """The best time of each, those that were practised last at the end."""
    timed = [(kata, best) for kata in katas if (best := state.of(kata.id).best) is not None]
    timed.sort(key=lambda pair: state.of(pair[0].id).last_seen)
    return tuple(BestTime(kata.id, best, kata.minutes) for kata, best in timed)
