"""What an interview does: picks katas, and keeps what happens."""

import random
import secrets
from dataclasses import dataclass
from typing import Any

from grader.cli import actions
from grader.cli.desk import Desk
from grader.content.card import FollowUp, load_card
from grader.content.catalog import LEVELS, Kata
from grader.errors import KataError
from grader.judge.tasks import lacking
from grader.progress.derive import KataState, State
from grader.progress.interviews import KIND, Asked, Interview, interviews

SHORTEST, LONGEST = 5, 240
# a core kata is asked as often as three others
CORE_WEIGHT = 3


def all_of(desk: Desk) -> list[Interview]:
    return interviews(desk.store.events())


def present(desk: Desk) -> Interview | None:
    """The one that is under way or was left, if there is one."""
    found = all_of(desk)
    return found[-1] if found and found[-1].ended is None else None


def begin(
    desk: Desk,
    *,
    minutes: int,
    track: str | None = None,
    level: str | None = None,
    core: bool = False,
    seed: int | None = None,
) -> Interview:
    """A new interview.

    Raises:
        KataError: A value that cannot be, one is open already, or no kata fits.
    """
    if not SHORTEST <= minutes <= LONGEST:
        raise KataError(f"--minutes {minutes}: give {SHORTEST} to {LONGEST}")
    if level is not None and level not in LEVELS:
        raise KataError(f"no level {level!r}; there are {', '.join(LEVELS)}")
    if open_ := present(desk):
        raise not_over(open_)
    given = {
        "minutes": minutes,
        "seed": secrets.randbelow(10**6) if seed is None else seed,
        "track": desk.catalog.track(track).slug if track else None,
        "level": level,
        "core": core,
    }
    found = Interview(0, 0.0, **given)  # type: ignore[arg-type]
    if choose(desk, found, desk.state()) is None:
        raise KataError(_nothing_fits(desk, found))
    _keep(desk, "began", **given)
    return _present(desk)


def not_over(interview: Interview) -> KataError:
    return KataError(
        f"interview {interview.number} is not over: kata interview goes on with it, "
        "kata interview --end ends it"
    )


def _nothing_fits(desk: Desk, interview: Interview) -> str:
    kinds = [word for word in (interview.core and "core", interview.level) if word]
    words = " ".join(["no", *kinds, "kata"])
    words += f" of {interview.track}" if interview.track else ""
    alike = [kata for kata in desk.catalog if _wanted(kata, interview)]
    if not alike:
        return f"there is {words}"
    shortest = min(kata.minutes for kata in alike)
    return f"{words} fits {interview.minutes} minutes: --minutes {shortest} is the least"


@dataclass(frozen=True, slots=True)
class Choice:
    """Attributes:
    after: The kata that it builds on, if it is chosen for that.
    """

    kata: Kata
    after: Kata | None = None


def choose(desk: Desk, interview: Interview, state: State) -> Choice | None:
    """What to ask next: what builds on the kata just solved, else any; the seed decides.

    Katas that fit the time that is left and are not mastered; the level may rise from one
    to what builds on it.
    """
    asked = {one.kata for one in interview.asked}
    minutes = interview.left / 60
    fit = [kata for kata in desk.catalog if kata.minutes <= minutes and kata.id not in asked]
    new = [kata for kata in fit if not mastered(state.of(kata.id), kata)]
    draw = random.Random(f"{interview.seed}/{len(asked)}")
    last = interview.at_hand
    if last is not None and last.solved:
        base = desk.catalog.find(last.kata)
        building = [kata for kata in new if base.slug in kata.needs]
        if interview.core:
            building = [kata for kata in building if kata.core]
        if found := _draw(draw, building):
            return Choice(found, base)
    pool = [kata for kata in new if _wanted(kata, interview)]
    if not pool and not asked:
        # who has mastered all may still sit an interview
        pool = [kata for kata in fit if _wanted(kata, interview)]
    found = _draw(draw, pool)
    return Choice(found) if found else None


def _draw(draw: random.Random, katas: list[Kata]) -> Kata | None:
    """One of these that this machine can judge."""
    while katas:
        (drawn,) = draw.choices(katas, [CORE_WEIGHT if kata.core else 1 for kata in katas])
        if not lacking(load_card(drawn).requires):
            return drawn
        katas = [kata for kata in katas if kata is not drawn]
    return None


def _wanted(kata: Kata, interview: Interview) -> bool:
    return (
        interview.track in (None, kata.track)
        and interview.level in (None, kata.level)
        and (kata.core or not interview.core)
    )


def mastered(state: KataState, kata: Kata) -> bool:
    """Whether the last round that ended was a pass in time and without hints."""
    ended = [one for one in state.rounds if one.over]
    if not ended:
        return False
    last = ended[-1]
    in_time = last.timed and last.seconds <= kata.minutes * 60
    return last.solved is not None and not last.given_up and not last.helped and in_time


# what happens in it


def ask(desk: Desk, choice: Choice) -> actions.Started:
    """A fresh stub, and its clock runs."""
    started = actions.start(desk, choice.kata, fresh=True)
    _keep(desk, "asked", about=choice.kata.id, after=choice.after.id if choice.after else None)
    return started


def next_question(desk: Desk, asked: Asked) -> FollowUp | None:
    """The kata's next follow-up question; None before a pass and after the last."""
    questions = load_card(desk.catalog.find(asked.kata)).follow_ups
    if not asked.solved or asked.moved_on or len(asked.ratings) >= len(questions):
        return None
    return questions[len(asked.ratings)]


def rate(desk: Desk, asked: Asked, rating: str) -> None:
    """Keep how well the person knew the answer to the next question."""
    _keep(desk, "followed_up", about=asked.kata, question=len(asked.ratings), rating=rating)


def move_on(desk: Desk) -> None:
    """Leave the kata at hand as it is, or its questions."""
    _keep(desk, "moved_on")


def seen(desk: Desk) -> None:
    _keep(desk, "seen")


def leave(desk: Desk) -> None:
    """Both clocks stand still until it is resumed."""
    _pause(desk)
    _keep(desk, "left")


def resume(desk: Desk) -> Interview:
    _keep(desk, "resumed")
    return _present(desk)


def end(desk: Desk) -> Interview:
    """Raises KataError if none is open."""
    _pause(desk)
    _keep(desk, "ended")
    return all_of(desk)[-1]


def _pause(desk: Desk) -> None:
    """Stop the clock of the kata at hand; raises KataError if no interview is open."""
    this = _present(desk)
    if this.at_hand and not this.at_hand.over:
        desk.store.append("paused", this.at_hand.kata)


def _present(desk: Desk) -> Interview:
    this = present(desk)
    if this is None:
        raise KataError("no interview is under way: kata interview begins one")
    return this


def _keep(desk: Desk, step: str, **data: Any) -> None:
    desk.store.append(KIND, "", step=step, **data)
