"""What days and rounds add up to: practice by day, pace, and mistakes made most."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from grader.content.catalog import Kata
from grader.progress.derive import State


@dataclass(frozen=True, slots=True)
class Pace:
    """One round that passed, against the clock.

    Attributes:
        share: Its time over the kata's minutes: below 1 is in time.
    """

    kata: str
    at: float
    seconds: float
    share: float


@dataclass(frozen=True, slots=True)
class Frequent:
    """A mistake that was diagnosed, and how often."""

    kata: str
    mistake: str
    times: int


def checks_by_day(state: State) -> Mapping[date, int]:
    return Counter(datetime.fromtimestamp(event.at).date() for event in state.checks)


def weeks(days: Mapping[date, int], today: date, many: int) -> tuple[tuple[int | None, ...], ...]:
    """The last so many weeks, oldest first: checks from Monday to Sunday, None after today."""
    monday = today - timedelta(days=today.weekday())
    firsts = (monday - timedelta(weeks=back) for back in reversed(range(many)))
    return tuple(
        tuple(
            days.get(day, 0) if (day := first + timedelta(days=n)) <= today else None
            for n in range(7)
        )
        for first in firsts
    )


def paces(state: State, katas: Iterable[Kata]) -> list[Pace]:
    """Of every round that passed by itself and had a clock, in the order in which they ended."""
    found = [
        Pace(kata.id, one.ended, one.seconds, one.seconds / (kata.minutes * 60))
        for kata in katas
        for one in state.of(kata.id).won
        if one.timed and one.ended is not None
    ]
    return sorted(found, key=lambda pace: pace.at)


def frequent(state: State, katas: Iterable[Kata]) -> list[Frequent]:
    """Mistakes that were diagnosed, the most frequent first.

    A round that was diagnosed with one at many checks in a row made it once.
    """
    counts = Counter(
        (kata.id, name)
        for kata in katas
        for one in state.of(kata.id).rounds
        for name in dict.fromkeys(one.mistakes)
    )
    return [Frequent(kata, name, times) for (kata, name), times in counts.most_common()]
