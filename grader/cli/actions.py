"""What the commands do, apart from judging. Data in, data out: nothing is printed here."""

import time
from dataclasses import dataclass
from pathlib import Path

from grader.cli.desk import Desk
from grader.content.card import Card, Mistake, load_card
from grader.content.catalog import Kata
from grader.errors import KataError
from grader.progress.derive import KataState, State


@dataclass(frozen=True, slots=True)
class Started:
    """Attributes:
    kept: Where the attempt that was there went, for a fresh start.
    resumed: Whether the attempt was there already.
    elapsed: Seconds on the clock so far.
    bugs: How many a debug round has, if that was asked for.
    spoils: Whether a debug round shows what the person has yet to write.
    """

    kata: Kata
    path: Path
    kept: Path | None
    resumed: bool
    elapsed: float
    state: KataState
    bugs: int | None = None
    spoils: bool = False


def start(desk: Desk, kata: Kata, *, fresh: bool = False) -> Started:
    """Place the stub, if need be, and let the clock run."""
    if kata.debug:
        from grader.cli import debugging

        return debugging.start(desk, kata, fresh=fresh)
    kept = desk.practice.set_aside(kata) if fresh else None
    resumed = desk.practice.attempt(kata).exists()
    path = desk.practice.place_stub(kata)
    before = desk.state().of(kata.id)
    # what is started after a pass or a look at the solution is a new round
    again = fresh or bool(before.round and before.round.over and not resumed)
    desk.store.append("started", kata.id, fresh=again)
    state = desk.state().of(kata.id)
    return Started(kata, path, kept, resumed, state.elapsed(time.time()), state)


@dataclass(frozen=True, slots=True)
class Hint:
    kata: Kata
    number: int
    of: int
    texts: tuple[str, ...]


def hint(desk: Desk, kata: Kata) -> Hint:
    """The next hint, counted before it is shown; all of them once they have been seen."""
    if kata.debug:
        from grader.cli import debugging

        hints = debugging.hints(desk, kata)
    else:
        hints = load_card(kata).hints
    seen = desk.state().of(kata.id).hints
    number = min(seen + 1, len(hints))
    if seen < len(hints):
        desk.store.append("hinted", kata.id, number=number)
    return Hint(kata, number, len(hints), hints[:number])


def gives_up(desk: Desk, kata: Kata) -> bool:
    """Whether looking at the solution now counts as giving up.

    Raises:
        KataError: It is a debug round that was never started: there is nothing to show.
    """
    if kata.debug:
        from grader.cli import debugging

        debugging.bugs_of(desk, kata)
    this = desk.state().of(kata.id).round
    return this is None or not this.over


@dataclass(frozen=True, slots=True)
class Solution:
    """Attributes:
    text: The code, or for a debug round the diff to it.
    bugs: What was planted in a debug round.
    """

    kata: Kata
    text: str
    card: Card
    bugs: tuple[Mistake, ...] = ()


def solution(desk: Desk, kata: Kata) -> Solution:
    if gives_up(desk, kata):
        desk.store.append("gave_up", kata.id)
    if kata.debug:
        from grader.cli import debugging

        return debugging.solution(desk, kata)
    return Solution(kata, kata.solution.read_text(encoding="utf-8"), load_card(kata))


@dataclass(frozen=True, slots=True)
class Reset:
    kata: Kata
    path: Path
    kept: Path | None


def reset(desk: Desk, kata: Kata) -> Reset:
    """A fresh stub and a new clock; the attempt that was there goes to the history."""
    if kata.debug:
        from grader.cli import debugging

        return debugging.reset(desk, kata)
    kept = desk.practice.set_aside(kata)
    path = desk.practice.place_stub(kata)
    desk.store.append("reset", kata.id)
    return Reset(kata, path, kept)


@dataclass(frozen=True, slots=True)
class Paused:
    kata: Kata
    elapsed: float


def pause(desk: Desk, kata: Kata) -> Paused:
    """Stop the clock; kata start and kata check let it run again."""
    if desk.state().of(kata.id).round is None:
        raise KataError(f"{kata.slug} is not started: kata start {kata.slug}")
    desk.store.append("paused", kata.id)
    return Paused(kata, desk.state().of(kata.id).elapsed(time.time()))


def next_kata(desk: Desk, state: State, after: Kata | None) -> Kata | None:
    """The first kata in teaching order, from here on, that is neither solved nor given up.

    Katas whose needs are solved come first: a track reads as a path.
    """
    order = list(desk.catalog.after(after)) if after else list(desk.catalog)
    open_ = [kata for kata in order if state.of(kata.id).status in ("new", "started")]
    by_slug = {kata.slug: kata for kata in desk.catalog}

    def ready(kata: Kata) -> bool:
        needs = [by_slug[slug] for slug in kata.needs if slug in by_slug]
        return all(state.of(need.id).status == "solved" for need in needs)

    here = [kata for kata in open_ if after is None or kata.track == after.track]
    for group in (here, open_):
        for kata in group:
            if ready(kata):
                return kata
    return open_[0] if open_ else None


@dataclass(frozen=True, slots=True)
class Line:
    """One kata in the list."""

    kata: Kata
    status: str
    best: float | None

    def to_data(self) -> dict[str, object]:
        kata = self.kata
        return {
            "id": kata.id,
            "track": kata.track,
            "slug": kata.slug,
            "title": kata.title,
            "level": kata.level,
            "minutes": kata.minutes,
            "core": kata.core,
            "status": self.status,
        }


def lines(desk: Desk, track: str | None = None) -> list[Line]:
    state = desk.state()
    chosen = desk.catalog.track(track).katas if track else tuple(desk.catalog)
    return [Line(kata, (known := state.of(kata.id)).status, known.best) for kata in chosen]
