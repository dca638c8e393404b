"""When a kata comes back: FSRS over the rounds. The only place that knows fsrs."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import fsrs

from grader.content.catalog import Kata
from grader.progress.derive import State
from grader.progress.rating import Grade, Rating, rate

# whole days, and none by chance: a due date follows from the facts alone
SCHEDULER = fsrs.Scheduler(learning_steps=(), relearning_steps=(), enable_fuzzing=False)
# when a day is thought to be over: far from midnight, so that a clock change moves no due date
EVENING = time(22)


@dataclass(frozen=True, slots=True, eq=False)
class Memory:
    """How well a kata is known, as FSRS has it.

    Attributes:
        due: In seconds since the epoch; on the day of it, in local time, the kata comes back.
    """

    _card: fsrs.Card
    due: float

    @property
    def day(self) -> date:
        return datetime.fromtimestamp(self.due).date()

    def after(self, grade: Grade, at: float) -> "Memory":
        """With one more round, which ended then."""
        then = datetime.fromtimestamp(at, UTC)
        card, _ = SCHEDULER.review_card(self._card, fsrs.Rating(grade), then)
        return Memory(card, card.due.timestamp())

    def recall(self, at: float) -> float:
        """The chance that it is still known then."""
        then = datetime.fromtimestamp(at, UTC)
        return SCHEDULER.get_card_retrievability(self._card, then)


# an explicit card_id and due, for else the card asks the clock for them
UNKNOWN = Memory(fsrs.Card(card_id=0, due=datetime.fromtimestamp(0, UTC)), 0.0)


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A kata that comes back.

    Attributes:
        rating: Of the last round that has one.
        ended: When that was.
        rounds: How many have a rating.
    """

    kata: Kata
    rating: Rating
    ended: float
    rounds: int
    memory: Memory

    def days(self, today: date) -> int:
        """Until it is due; below zero if it is overdue."""
        return (self.memory.day - today).days


def schedule(state: State, katas: Iterable[Kata]) -> dict[str, Scheduled]:
    """By id, each kata of these that has been passed or given up."""
    found = {}
    for kata in katas:
        rated = [
            (this.ended, rating)
            for this in state.of(kata.id).rounds
            if this.ended is not None and (rating := rate(this, kata.minutes))
        ]
        if not rated:
            continue
        # a clock that was set back does not change the order of what happened
        memory = UNKNOWN
        for ended, rating in rated:
            memory = memory.after(rating.grade, ended)
        ended, rating = rated[-1]
        found[kata.id] = Scheduled(kata, rating, ended, len(rated), memory)
    return found


def due(scheduled: Iterable[Scheduled], today: date) -> list[Scheduled]:
    """What is due today or overdue, in local time: the least likely still known first."""
    found = [one for one in scheduled if one.memory.day <= today]
    return sorted(found, key=lambda one: urgency(one.memory, today))


def urgency(memory: Memory, day: date) -> tuple[float, float]:
    """A key to sort by: the least likely still known first. It holds for the whole day."""
    return memory.recall(evening(day)), memory.due


def evening(day: date) -> float:
    return datetime.combine(day, EVENING).timestamp()


def midnight(day: date) -> float:
    """When the day begins."""
    return datetime.combine(day, time()).timestamp()


def tomorrow(day: date) -> date:
    return day + timedelta(days=1)
