"""What kata review does. Data in, data out: nothing is printed here."""

from dataclasses import dataclass
from datetime import date

from grader.cli import actions
from grader.cli.actions import Started
from grader.cli.desk import Desk
from grader.content.card import load_card
from grader.judge.tasks import lacking
from grader.progress.notes import Notes, read_notes
from grader.progress.schedule import Scheduled, due, schedule, urgency


@dataclass(frozen=True, slots=True)
class Review:
    """A review that was begun or resumed.

    Attributes:
        last: How the kata stood before it.
        notes: What the person wrote about the kata, if anything.
        more: How many others are due.
    """

    started: Started
    last: Scheduled
    notes: Notes | None
    more: int


def review(desk: Desk, today: date) -> Review | None:
    """Start the kata that is most due from its stub, or go on with its review; None if none is.

    What this machine cannot judge stays due, and is passed over.
    """
    state = desk.state()
    waiting = due(schedule(state, desk.catalog).values(), today)

    def is_open(one: Scheduled) -> bool:
        this = state.of(one.kata.id).round
        return this is not None and not this.over

    # those under way first; each keeps its place otherwise
    waiting.sort(key=is_open, reverse=True)
    chosen = next((one for one in waiting if not lacking(load_card(one.kata).requires)), None)
    if chosen is None:
        return None
    started = actions.start(desk, chosen.kata, fresh=not is_open(chosen))
    notes = read_notes(desk.practice, chosen.kata)
    return Review(started, chosen, notes, len(waiting) - 1)


@dataclass(frozen=True, slots=True)
class Schedule:
    """All that comes back: what is due first, the rest by its day.

    Attributes:
        due: How many of them are due.
    """

    today: date
    due: int
    katas: tuple[Scheduled, ...]

    def to_data(self) -> list[dict[str, object]]:
        return [
            {
                "kata": one.kata.id,
                "title": one.kata.title,
                "grade": one.rating.grade.word,
                "why": one.rating.why,
                "rounds": one.rounds,
                "ended_at": one.ended,
                "due": one.memory.day.isoformat(),
                "due_at": one.memory.due,
                "in_days": one.days(self.today),
            }
            for one in self.katas
        ]


def whole_schedule(desk: Desk, today: date) -> Schedule:
    found = schedule(desk.state(), desk.catalog).values()
    now = due(found, today)
    later = [one for one in found if one.memory.day > today]
    # on its day, each stands where it will stand among what is due
    later.sort(key=lambda one: (one.memory.day, urgency(one.memory, one.memory.day)))
    return Schedule(today, len(now), (*now, *later))
