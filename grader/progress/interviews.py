"""Interviews: mock rounds against the clock, derived from the facts as all else is.

Their own facts have the kind "interview" and a step: began, asked, followed_up, moved_on,
seen (once a minute), left, resumed, ended. What happens to the kata at hand in between
counts for the interview as well.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from grader.progress.store import Event

KIND = "interview"
# a screen tells every minute that it is there; more than two, and the machine was asleep
SEEN, ASLEEP = 60.0, 120.0
RATINGS = ("knew", "partly", "missed")


@dataclass(slots=True)
class Asked:
    """One kata of an interview.

    Attributes:
        after: The kata that it builds on, if it was asked for that.
        seconds: To the pass, or to moving on.
        claims: How many held at the last check, and of how many.
        mistakes: Names of those that were diagnosed, in order, each as often.
        ratings: How the person rated each answer to a follow-up question.
    """

    kata: str
    after: str | None = None
    seconds: float = 0.0
    checks: int = 0
    hints: int = 0
    claims: tuple[int, int] = (0, 0)
    mistakes: list[str] = field(default_factory=list)
    solved: bool = False
    moved_on: bool = False
    ratings: list[str] = field(default_factory=list)

    @property
    def over(self) -> bool:
        return self.solved or self.moved_on


@dataclass(slots=True)
class Interview:
    """One mock round.

    Attributes:
        number: 1 for the person's first.
        minutes, seed, track, level, core: What it was begun with.
        seconds: On its clock; the time after it was left does not count.
        ended: When, or None: it can be resumed.
    """

    number: int
    began: float
    minutes: int
    seed: int
    track: str | None = None
    level: str | None = None
    core: bool = False
    asked: list[Asked] = field(default_factory=list)
    seconds: float = 0.0
    ended: float | None = None

    @property
    def at_hand(self) -> Asked | None:
        """The last that was asked; None before the first."""
        return self.asked[-1] if self.asked else None

    @property
    def left(self) -> float:
        """Seconds that are left; less than none in overtime."""
        return self.minutes * 60 - self.seconds

    def pass_time(self, seconds: float) -> None:
        """Let the clock run on, and that of the kata at hand."""
        seconds = min(max(seconds, 0.0), ASLEEP)
        self.seconds += seconds
        if self.at_hand and not self.at_hand.over:
            self.at_hand.seconds += seconds


def interviews(events: Iterable[Event]) -> list[Interview]:
    """Fold the events, oldest first; only the last interview may be open."""
    found: list[Interview] = []
    # when its clock was last read; None while it stands still
    last: float | None = None
    for event in events:
        own, step = event.kind == KIND, event.data.get("step")
        if own and step == "began":
            given = {name: value for name, value in event.data.items() if name != "step"}
            found.append(Interview(len(found) + 1, event.at, **given))
            last = event.at
            continue
        if not found or found[-1].ended is not None:
            continue
        this = found[-1]
        if not own and (last is None or not this.at_hand or event.kata != this.at_hand.kata):
            continue
        if last is not None and step != "resumed":
            this.pass_time(event.at - last)
        last = event.at
        if own:
            _apply(this, event)
            if step in ("left", "ended"):
                last = None
        elif this.at_hand:
            _happen(this.at_hand, event)
    return found


def _apply(interview: Interview, event: Event) -> None:
    step, asked = event.data["step"], interview.at_hand
    if step == "asked":
        interview.asked.append(Asked(event.data["about"], event.data.get("after")))
    elif step == "ended":
        interview.ended = event.at
    elif asked and step == "followed_up":
        asked.ratings.append(event.data["rating"])
    elif asked and step == "moved_on":
        asked.moved_on = True


def _happen(asked: Asked, event: Event) -> None:
    if asked.over:
        return
    if event.kind == "hinted":
        asked.hints += 1
    elif event.kind == "diagnosed":
        asked.mistakes += event.data.get("mistakes", ())
    elif event.kind == "checked":
        asked.checks += 1
        asked.claims = event.data.get("passed", 0), event.data.get("total", 0)
        asked.solved = event.data.get("verdict") == "passed"
