"""The plan up to an interview: made anew from the goal, the facts, the catalogue and the clock."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from grader.content.catalog import Catalog, Kata
from grader.progress.derive import Round, State, derive
from grader.progress.forecast import Day, Forecast, Session, standing
from grader.progress.schedule import midnight
from grader.progress.store import Event

FEWEST, MOST = 5, 720
# minutes a day are looked for in steps of this
STEP = 5


@dataclass(frozen=True, slots=True)
class Goal:
    """Attributes:
    date: Of the interview; the last day to practise is the one before.
    minutes: A day.
    """

    date: date
    minutes: int


def goal_of(events: Iterable[Event]) -> Goal | None:
    """The goal that was set last."""
    found = None
    for event in events:
        if event.kind == "planned":
            found = Goal(date.fromisoformat(event.data["date"]), event.data["minutes"])
    return found


@dataclass(frozen=True, slots=True)
class Task:
    """A session of today's.

    Attributes:
        status: open, started, done or given up.
    """

    session: Session
    status: str

    @property
    def over(self) -> bool:
        return self.status in ("done", "given up")


@dataclass(frozen=True, slots=True)
class Today:
    """Today's part, as it was when the day began; ticked off as it is done.

    Attributes:
        beside: What was passed or given up today without being planned for today.
    """

    date: date
    tasks: tuple[Task, ...]
    beside: tuple[Kata, ...]

    @property
    def minutes(self) -> int:
        return sum(task.session.minutes for task in self.tasks)

    @property
    def minutes_done(self) -> int:
        return sum(task.session.minutes for task in self.tasks if task.over)

    @property
    def done(self) -> int:
        return sum(task.over for task in self.tasks)

    @property
    def first(self) -> Task | None:
        """What to do next."""
        return next((task for task in self.tasks if not task.over), None)


@dataclass(frozen=True, slots=True)
class Plan:
    """Attributes:
    days: Those after today.
    left_out: Katas that have no day.
    late: Katas that would come back before the interview, on a day that has no room.
    for_core, for_all: Minutes a day with which core katas, or all, would have a day; None
        if no number does.
    """

    goal: Goal
    today: Today
    days: tuple[Day, ...]
    left_out: tuple[Kata, ...]
    late: tuple[Kata, ...]
    for_core: int | None
    for_all: int | None


def todays_part(events: Sequence[Event], catalog: Catalog, now: float) -> Today | None:
    """Today's part of the plan; None without a goal, or when its date has come."""
    planner = _planner(events, catalog, now)
    return planner.today() if planner else None


def make_plan(events: Sequence[Event], catalog: Catalog, now: float) -> Plan | None:
    """The whole plan; None without a goal, or when its date has come."""
    planner = _planner(events, catalog, now)
    return planner.plan() if planner else None


def _planner(events: Sequence[Event], catalog: Catalog, now: float) -> "_Planner | None":
    goal, today = goal_of(events), datetime.fromtimestamp(now).date()
    if goal is None or goal.date <= today:
        return None
    since = midnight(today)
    morning = derive(event for event in events if event.at < since)
    return _Planner(catalog, goal, today, now, morning, derive(events))


class _Planner:
    """Today follows from how things stood in the morning, the days after it from how they stand.

    Args:
        morning: The state when the day began.
        state: The state now.
    """

    def __init__(
        self, catalog: Catalog, goal: Goal, today: date, now: float, morning: State, state: State
    ) -> None:
        self._goal, self._today, self._now = goal, today, now
        self._catalog, self._morning, self._state = catalog, morning, state
        self._from = standing(catalog, morning), standing(catalog, state)
        self._days = (goal.date - today).days

    def today(self) -> Today:
        sessions = self._first(self._goal.minutes)[0].sessions
        planned = {session.kata.id for session in sessions}
        beside = [k for k in self._catalog if k.id not in planned and self._ended(k)]
        tasks = tuple(Task(session, self._status(session)) for session in sessions)
        return Today(self._today, tasks, tuple(beside))

    def plan(self) -> Plan:
        days, forecast = self._rest(self._goal.minutes)
        left_out = _left_out(forecast)
        for_core: int | None = self._goal.minutes
        if any(kata.core for kata in left_out):
            for_core = self._enough(self._goal.minutes, core=True)
        for_all = for_core
        if left_out and for_core is not None:
            for_all = self._enough(for_core, core=False)
        late = tuple(forecast.due(self._goal.date - timedelta(days=1)))
        return Plan(self._goal, self.today(), days, left_out, late, for_core, for_all)

    def _first(self, minutes: int) -> tuple[Day, Forecast]:
        forecast = Forecast(self._from[0], minutes)
        return forecast.day(self._today, self._days), forecast

    def _rest(self, minutes: int) -> tuple[tuple[Day, ...], Forecast]:
        """The days after today, what is open today taken as passed."""
        today, first = self._first(minutes)
        forecast = Forecast(self._from[1], minutes)
        for session in today.sessions:
            if self._ended(session.kata):
                continue
            if session.parts > 1:
                forecast.unfinished = first.unfinished
            else:
                forecast.passed(session.kata, self._today)
        days = []
        for ahead in range(1, self._days):
            on = self._today + timedelta(days=ahead)
            days.append(forecast.day(on, self._days - ahead))
        return tuple(days), forecast

    def _enough(self, fewest: int, *, core: bool) -> int | None:
        """The fewest minutes a day, in steps, that leave no kata out, or no core one."""

        def do(minutes: int) -> bool:
            left_out = _left_out(self._rest(minutes)[1])
            return not any(kata.core or not core for kata in left_out)

        choices = range(-(-fewest // STEP) * STEP, MOST + 1, STEP)
        found = bisect_left(choices, True, key=do)
        return choices[found] if found < len(choices) else None

    def _ended(self, kata: Kata) -> list[Round]:
        """The kata's rounds that were passed or given up today."""
        since = midnight(self._today)
        return [r for r in self._state.of(kata.id).rounds if r.ended and r.ended >= since]

    def _status(self, session: Session) -> str:
        kata, since = session.kata.id, midnight(self._today)
        known = self._state.of(kata)
        if ended := self._ended(session.kata):
            return "given up" if all(this.given_up for this in ended) else "done"
        spent = known.spent(self._now) - self._morning.of(kata).spent(since)
        if session.parts > 1 and spent >= session.minutes * 60:
            return "done"
        return "started" if known.round is not None and not known.round.over else "open"


def _left_out(forecast: Forecast) -> tuple[Kata, ...]:
    return tuple(kata for queue in forecast.open for kata in queue.values())
