"""What a round of a kata says about how well it is known."""

from dataclasses import dataclass
from enum import IntEnum

from grader.progress.derive import Round

# whoever needs more checks than this was not sure of it
MANY_CHECKS = 8


class Grade(IntEnum):
    """Numbered as FSRS does."""

    AGAIN = 1
    HARD = 2
    GOOD = 3
    EASY = 4

    @property
    def word(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Rating:
    """Attributes:
    why: What happened, in a few words.
    """

    grade: Grade
    why: str


def rate(this: Round, minutes: int) -> Rating | None:
    """The rating of a round of a kata with so many minutes.

    None for a round that is neither passed nor given up, and for a debug round.
    """
    if this.bugs is not None or not this.over:
        return None
    if this.given_up:
        return Rating(Grade.AGAIN, "given up")
    late = this.timed and this.seconds > minutes * 60
    # what was checked without a start has no time
    time = f"in {_minutes(this.seconds)} of {minutes} min" if this.timed else "without a start"
    troubles = [_count(this.helped, "hint")] if this.helped else []
    troubles += [_count(this.tries, "check")] if this.tries > MANY_CHECKS else []
    if troubles:
        return Rating(Grade.HARD, f"{', '.join(troubles)}, {time}")
    if late:
        return Rating(Grade.HARD, f"over time, {time}")
    if this.tries == 1:
        quick = this.timed and this.seconds <= minutes * 60 / 2
        return Rating(Grade.EASY if quick else Grade.GOOD, f"at the first check, {time}")
    return Rating(Grade.GOOD, f"{_count(this.tries, 'check')}, {time}")


def _minutes(seconds: float) -> int:
    """Whole minutes, rounded up: over time is never shown as in time."""
    return int(-(-seconds // 60))


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
