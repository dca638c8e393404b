"""Fourteen days of reviews, at the real command with a moved clock, against fsrs itself."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import fsrs
import pytest

ROOT = Path(__file__).resolve().parents[2]
# the clocks go forward on 8 March there
HOME = ZoneInfo("America/New_York")
FIRST = datetime(2026, 3, 2, 19, 30, tzinfo=HOME)
KATAS = {"foundations/cross-entropy": 15, "attention/gqa": 25, "normalization/rms-norm": 10}
# what is begun on a day, how it goes, and how each review of that day goes; then it is bedtime
DAYS: list[tuple[str | None, list[str]]] = [
    ("foundations/cross-entropy", ["good"]),
    ("attention/gqa", ["again"]),
    ("normalization/rms-norm", ["hinted", "hard"]),
    (None, ["good"]),
    (None, ["again"]),
    (None, ["good", "good"]),
    (None, []),
    (None, ["easy"]),
    (None, ["late"]),
    (None, []),
    (None, ["good", "easy"]),
    (None, ["again", "good"]),
    (None, ["good"]),
    (None, ["easy", "good"]),
]
GRADES = {
    "again": fsrs.Rating.Again,
    "hinted": fsrs.Rating.Hard,
    "late": fsrs.Rating.Hard,
    "hard": fsrs.Rating.Hard,
    "good": fsrs.Rating.Good,
    "easy": fsrs.Rating.Easy,
}
SCHEDULER = fsrs.Scheduler(learning_steps=(), relearning_steps=(), enable_fuzzing=False)


class Fortnight:
    """Someone whose clock can be moved, and fsrs beside them.

    Attributes:
        cards: By kata, what fsrs makes of the grades that were meant.
        grades: By kata, the last of them.
    """

    def __init__(self, learner: Any, at: Any) -> None:
        self.learner, self._at = learner, at
        self.now = FIRST
        self.cards: dict[str, fsrs.Card] = {}
        self.grades: dict[str, str] = {}

    def run(self, *command: str) -> str:
        self._at(self.learner, self.now.timestamp())
        done = self.learner.run(*command)
        assert done.returncode in (0, 1), done.stderr
        assert done.stderr == ""
        return str(done.stdout)

    def wait(self, minutes: float) -> None:
        self.now = (self.now.astimezone(UTC) + timedelta(minutes=minutes)).astimezone(HOME)

    def check(self, kata: str, *, passes: bool) -> None:
        right = (ROOT / "solutions" / f"{kata}.py").read_text(encoding="utf-8")
        self.learner.write(kata, right if passes else "import torch\n")
        said = json.loads(self.run("check", kata, "--json"))
        assert (said["verdict"] == "passed") == passes, said

    def play(self, kata: str, how: str) -> None:
        """A round that was just started, to its end."""
        minutes = KATAS[kata]
        if how == "again":
            self.wait(3)
            self.run("solution", kata, "--yes")
        else:
            if how == "hinted":
                self.run("hint", kata)
            if how == "good":
                self.wait(2)
                self.check(kata, passes=False)
            self.wait({"late": minutes + 2, "easy": 3}.get(how, minutes - 4))
            for _ in range(9 if how == "hard" else 0):
                self.check(kata, passes=False)
            self.check(kata, passes=True)
        ended = datetime.fromtimestamp(self.learner.events()[-1]["at"], UTC)
        card = self.cards.get(kata, fsrs.Card(card_id=1))
        self.cards[kata], _ = SCHEDULER.review_card(card, GRADES[how], ended)
        self.grades[kata] = GRADES[how].name.lower()
        self.wait(5)

    def due(self) -> list[str]:
        """What fsrs has for today, the least likely still known first."""
        evening = self.now.replace(hour=22, minute=0).astimezone(UTC)
        found = [
            (SCHEDULER.get_card_retrievability(card, evening), card.due, kata)
            for kata, card in self.cards.items()
            if card.due.astimezone(HOME).date() <= self.now.date()
        ]
        return [kata for _, _, kata in sorted(found)]

    def agrees(self) -> None:
        """Every due date is the one that fsrs has."""
        listed = json.loads(self.run("review", "--json"))
        assert {one["kata"]: one["due_at"] for one in listed} == {
            kata: pytest.approx(card.due.timestamp(), abs=1e-5) for kata, card in self.cards.items()
        }
        assert {one["kata"]: one["grade"] for one in listed} == self.grades
        for one in listed:
            day = self.cards[one["kata"]].due.astimezone(HOME).date()
            assert one["due"] == str(day)
            assert one["in_days"] == (day - self.now.date()).days
        assert [one["kata"] for one in listed if one["in_days"] <= 0] == self.due()


def test_fourteen_days_of_reviews_are_those_of_fsrs(learner: Any, at: Any) -> None:
    # the warm judge: there are some eighty checks
    del learner.env["KATA_COLD"]
    learner.env |= {"KATA_JUDGE_IDLE": "60", "TZ": "America/New_York"}
    person = Fortnight(learner, at)
    reviewed = 0
    for day, (begun, reviews) in enumerate(DAYS):
        person.now = FIRST + timedelta(days=day)
        todo = list(reviews)
        if begun:
            person.run("start", begun)
            person.play(begun, todo.pop(0))
        person.agrees()
        while todo and (waiting := person.due()):
            kata = waiting[0]
            kept = (learner.attempt(kata)).read_text()
            said = person.run("review")
            assert said.startswith(f"Review {kata}. Last, ")
            # a fresh stub, and the old file in the history
            stub = (ROOT / "katas" / f"{kata}.py").read_text(encoding="utf-8")
            assert learner.attempt(kata).read_text() == stub
            history = learner.practice / ".kata" / "history" / kata
            assert kept in [path.read_text() for path in history.glob("*.py")]
            person.play(kata, todo.pop(0))
            reviewed += 1
            person.agrees()
    assert reviewed >= 8
