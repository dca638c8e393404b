"""What follows from the facts: status, times, streak. Nothing of it is stored."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from grader.progress.store import Event

# who thinks longer than this without a check, a hint or a look has left the desk
AWAY = 3600.0
# kata watch judges the stub before anybody has written anything
NO_TRY = ("unimplemented", "skipped")


@dataclass(frozen=True, slots=True)
class Bugs:
    """What was planted for a debug round.

    Attributes:
        source: The key of the file's text in the store.
        lines: The first and the last line of each mistake in it, by name.
    """

    seed: int
    source: str
    lines: dict[str, tuple[int, int]]


@dataclass(slots=True)
class Round:
    """One go at a kata, from its stub to a pass, a look at the solution, or a fresh start.

    Attributes:
        seconds: The time at work: pauses and absences left out.
        timed: Whether there was a start; what was checked without one has no time.
        checks: Up to the first pass.
        tries: Those of them that found something to judge, not the stub as it was.
        hints: All that were shown.
        helped: Those of them that were shown before it ended.
        mistakes: Names of those that it was diagnosed with, in order, each as often.
        solved: When it passed first, in seconds since the epoch.
        ended: When it passed first or was given up.
        bugs: Of a debug round, what is to be found.
    """

    began: float
    timed: bool
    seconds: float = 0.0
    checks: int = 0
    tries: int = 0
    hints: int = 0
    helped: int = 0
    mistakes: list[str] = field(default_factory=list)
    solved: float | None = None
    ended: float | None = None
    given_up: bool = False
    last: float | None = None
    bugs: Bugs | None = None

    @property
    def over(self) -> bool:
        return self.solved is not None or self.given_up

    def pass_time(self, at: float, now_running: bool) -> None:
        """Count the time since the last event; None in `last` means paused."""
        if self.last is not None and not self.over:
            self.seconds += min(max(at - self.last, 0.0), AWAY)
        self.last = at if now_running else None


@dataclass(slots=True)
class KataState:
    rounds: list[Round] = field(default_factory=list)
    last_seen: float = 0.0

    @property
    def round(self) -> Round | None:
        return self.rounds[-1] if self.rounds else None

    @property
    def best(self) -> float | None:
        """Seconds of the fastest round that passed without the solution."""
        return min((r.seconds for r in self.won if r.timed), default=None)

    @property
    def won(self) -> list[Round]:
        """The rounds that passed without the solution."""
        return [r for r in self.rounds if r.solved is not None and not r.given_up]

    @property
    def status(self) -> str:
        if self.won:
            return "solved"
        if any(r.given_up for r in self.rounds):
            return "given up"
        return "started" if self.rounds else "new"

    @property
    def hints(self) -> int:
        return self.round.hints if self.round else 0

    def spent(self, now: float) -> float:
        """Seconds of all rounds until now."""
        return sum(r.seconds for r in self.rounds[:-1]) + self.elapsed(now)

    def elapsed(self, now: float) -> float:
        """Seconds of the running round until now."""
        if self.round is None:
            return 0.0
        if self.round.last is None or self.round.over:
            return self.round.seconds
        return self.round.seconds + min(max(now - self.round.last, 0.0), AWAY)


@dataclass(slots=True)
class State:
    """All of it, by kata id; a kata's debug rounds are by themselves, under id.debug.

    Attributes:
        current: The kata that was last started or checked, sweeps over all left out.
    """

    katas: dict[str, KataState]
    current: str | None
    checks: list[Event]

    def of(self, kata: str) -> KataState:
        return self.katas.get(kata) or KataState()

    def streak(self, today: date) -> int:
        """Days in a row with a check, up to today, or to yesterday if today has none yet."""
        days = {datetime.fromtimestamp(event.at).date() for event in self.checks}
        day = today if today in days else today - timedelta(days=1)
        count = 0
        while day in days:
            count, day = count + 1, day - timedelta(days=1)
        return count


def derive(events: Iterable[Event]) -> State:
    """Fold the events, oldest first."""
    state = State({}, None, [])
    for event in events:
        if not event.kata:
            # of the whole folder
            continue
        kata = state.katas.setdefault(event.kata, KataState())
        if event.kind == "checked":
            state.checks.append(event)
        _apply(kata, event)
        kata.last_seen = event.at
        if not event.data.get("sweep"):
            state.current = event.kata
    return state


def steps(events: Iterable[Event], kata: str) -> Iterator[tuple[Event, KataState]]:
    """The events of one kata, each with its state just after it; the state goes on changing."""
    state = KataState()
    for event in events:
        if event.kata == kata:
            _apply(state, event)
            yield event, state


def _apply(kata: KataState, event: Event) -> None:
    fresh = event.kind == "reset" or (event.kind == "started" and event.data.get("fresh"))
    if kata.round is None or fresh:
        timed = event.kind in ("started", "reset")
        kata.rounds.append(Round(began=event.at, timed=timed, last=event.at))
    this = kata.round
    assert this is not None
    if "bugs" in event.data:
        lines = {name: (first, last) for name, (first, last) in event.data["bugs"].items()}
        this.bugs = Bugs(event.data["seed"], event.data["source"], lines)
    this.pass_time(event.at, now_running=event.kind != "paused")
    if event.kind == "started" and not this.timed and not this.over:
        # the clock starts here, not at a hint or a check before it
        this.began, this.timed, this.seconds = event.at, True, 0.0
    if event.kind == "hinted":
        this.hints += 1
        this.helped += not this.over
    elif event.kind == "gave_up" and this.solved is None:
        this.given_up = True
        this.ended = this.ended or event.at
    elif event.kind == "diagnosed" and not this.over:
        this.mistakes += event.data.get("mistakes", ())
    elif event.kind == "checked":
        this.checks += not this.over
        this.tries += not this.over and event.data.get("verdict") not in NO_TRY
        if event.data.get("verdict") == "passed" and this.solved is None:
            this.solved = event.at
            this.ended = this.ended or event.at
