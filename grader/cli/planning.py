"""What kata plan does. Data in, data out: nothing is printed here."""

import re
import time
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from grader.cli.desk import Desk
from grader.errors import KataError
from grader.progress.forecast import Session
from grader.progress.plan import FEWEST, MOST, Goal, Plan, goal_of, make_plan

USUAL = 60
LONGEST = 730


@dataclass(frozen=True, slots=True)
class Planned:
    """Attributes:
    plan: None when the date of the interview has come.
    """

    goal: Goal
    today: date
    plan: Plan | None

    def to_data(self) -> dict[str, object]:
        """The object that --json prints."""
        data: dict[str, object] = {
            "date": self.goal.date.isoformat(),
            "minutes_per_day": self.goal.minutes,
            "days_left": max((self.goal.date - self.today).days, 0),
        }
        if self.plan is None:
            return data | {"today": None, "days": [], "left_out": None}
        plan, today = self.plan, self.plan.today
        return data | {
            "today": {
                "date": today.date.isoformat(),
                "minutes": today.minutes,
                "minutes_done": today.minutes_done,
                "sessions": [_data(t.session) | {"status": t.status} for t in today.tasks],
                "beside": [kata.id for kata in today.beside],
            },
            "days": [
                {
                    "date": day.date.isoformat(),
                    "minutes": day.minutes,
                    "sessions": [_data(session) for session in day.sessions],
                }
                for day in plan.days
            ],
            "left_out": {
                "katas": [kata.id for kata in plan.left_out],
                "core": sum(kata.core for kata in plan.left_out),
                "reviews": [kata.id for kata in plan.late],
                "minutes_for_core": plan.for_core,
                "minutes_for_all": plan.for_all,
            },
        }


def _data(session: Session) -> dict[str, object]:
    return {
        "kata": session.kata.id,
        "title": session.kata.title,
        "core": session.kata.core,
        "review": session.review,
        "minutes": session.minutes,
        "part": session.part,
        "parts": session.parts,
    }


def plan(desk: Desk, *, day: str | None = None, minutes: int | None = None) -> Planned:
    """The present plan; with a date or minutes, after these were made the goal.

    Raises:
        KataError: There is no goal yet, or what was given cannot be one.
    """
    events, now = desk.store.events(), time.time()
    today, goal = datetime.fromtimestamp(now).date(), goal_of(events)
    if minutes is not None and not FEWEST <= minutes <= MOST:
        raise KataError(f"--minutes-per-day {minutes}: give {FEWEST} to {MOST}")
    if day is None and goal is None:
        given = "" if minutes is None else f" --minutes-per-day {minutes}"
        example = today + timedelta(days=30)
        raise KataError(f"no interview is planned for: kata plan --date {example}{given}")
    if day is not None or minutes is not None:
        wanted = _date(day, today) if day is not None else goal.date if goal else today
        new = Goal(wanted, minutes or (goal.minutes if goal else USUAL))
        if new != goal:
            goal = new
            desk.store.append("planned", "", date=goal.date.isoformat(), minutes=goal.minutes)
            events = desk.store.events()
    assert goal is not None
    return Planned(goal, today, make_plan(events, desk.catalog, now))


def _date(text: str, today: date) -> date:
    """The date of an interview.

    Raises:
        KataError: It is none, or one that cannot be planned for.
    """
    try:
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text.strip(), re.ASCII):
            raise ValueError
        found = date.fromisoformat(text.strip())
    except ValueError:
        example = today + timedelta(days=30)
        raise KataError(f"--date {text!r} is no date: write it as {example}") from None
    if found < today:
        raise KataError(f"--date {found} is past: today is {today}")
    if found == today:
        raise KataError(f"--date {found} is today: no day is left to plan; kata review --list")
    if (found - today).days > LONGEST:
        last = today + timedelta(days=LONGEST)
        raise KataError(f"--date {found} is too far away: {last} at the latest")
    return found
