"""When a kata comes back: the due dates of chosen rounds, against fsrs itself."""

import random
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import fsrs
import pytest

from grader.content.catalog import Kata
from grader.progress.derive import State, derive
from grader.progress.schedule import due, schedule
from grader.progress.store import Event

GQA = Kata("attention", "gqa", "Grouped-query attention", "medium", 20)
MLA = Kata("attention", "mla", "Multi-head latent attention", "hard", 40)
START = datetime(2026, 3, 2, 18, tzinfo=UTC)
DAY = 86400.0
FAILED, PASSED = {"verdict": "failed"}, {"verdict": "passed"}
# what a round of each grade looks like after its start
ROUNDS: dict[fsrs.Rating, list[tuple[str, dict[str, Any]]]] = {
    fsrs.Rating.Again: [("gave_up", {})],
    fsrs.Rating.Hard: [("hinted", {}), ("checked", PASSED)],
    fsrs.Rating.Good: [("checked", FAILED), ("checked", PASSED)],
    fsrs.Rating.Easy: [("checked", PASSED)],
}

Played = tuple[str, float, fsrs.Rating]


@pytest.fixture
def new_york(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def played(*rounds: Played) -> State:
    """Rounds as (kata, days after START, grade)."""
    events: list[tuple[float, str, str, dict[str, Any]]] = []
    for kata, days, rating in rounds:
        at = START.timestamp() + days * DAY
        events.append((at - 180, "started", kata, {"fresh": True}))
        events += [(at, kind, kata, data) for kind, data in ROUNDS[rating]]
    return derive(Event(n, *event) for n, event in enumerate(events, start=1))


def by_fsrs(*rounds: Played) -> fsrs.Card:
    scheduler = fsrs.Scheduler(learning_steps=(), relearning_steps=(), enable_fuzzing=False)
    card = fsrs.Card(card_id=1)
    for _, days, rating in rounds:
        card, _ = scheduler.review_card(card, rating, START + timedelta(days=days))
    return card


@pytest.mark.parametrize("seed", range(8))
def test_due_dates_are_those_of_fsrs(seed: int) -> None:
    dice = random.Random(seed)
    days, rounds = 0.0, []
    for _ in range(12):
        days += dice.choice([0.25, 1, 2, 3.5, 11, 40])
        rounds.append((GQA.id, days, dice.choice(list(fsrs.Rating))))

    for count in range(1, len(rounds) + 1):
        one = schedule(played(*rounds[:count]), [GQA])[GQA.id]
        assert one.memory.due == by_fsrs(*rounds[:count]).due.timestamp()
        assert (one.rounds, one.rating.grade) == (count, rounds[count - 1][2])
        assert one.ended == START.timestamp() + rounds[count - 1][1] * DAY


def test_katas_have_schedules_of_their_own_and_others_none() -> None:
    first, second = (GQA.id, 0, fsrs.Rating.Easy), (MLA.id, 1, fsrs.Rating.Again)
    found = schedule(played(first, second), [GQA, MLA])

    assert found[GQA.id].memory.due == by_fsrs(first).due.timestamp()
    assert found[MLA.id].memory.due == by_fsrs(second).due.timestamp()
    assert list(schedule(played(first), [GQA, MLA])) == [GQA.id]
    # a kata that is not there any more does not come back
    assert list(schedule(played(first, second), [MLA])) == [MLA.id]


def test_an_open_round_and_debug_rounds_move_no_due_date() -> None:
    rounds = [(GQA.id, 0, fsrs.Rating.Good)]
    debug = (f"{GQA.id}.debug", 1, fsrs.Rating.Again)
    state = played(*rounds, debug)
    opened = derive([Event(1, START.timestamp() + DAY, "started", GQA.id, {"fresh": True})])
    state.of(GQA.id).rounds += opened.of(GQA.id).rounds

    found = schedule(state, [GQA])

    assert found[GQA.id].memory.due == by_fsrs(*rounds).due.timestamp()
    assert list(found) == [GQA.id]


def test_a_clock_that_was_set_back_does_no_harm() -> None:
    rounds = [(GQA.id, 9, fsrs.Rating.Good), (GQA.id, 2, fsrs.Rating.Hard)]

    assert schedule(played(*rounds), [GQA])[GQA.id].memory.due == by_fsrs(*rounds).due.timestamp()


@pytest.mark.usefixtures("new_york")
def test_a_kata_is_due_from_the_morning_of_its_local_day() -> None:
    # 2 March, 23:30 in New York is 3 March elsewhere; a first "good" comes back after two days
    late = (START.replace(hour=4, minute=30) + timedelta(days=1) - START) / timedelta(days=1)
    found = schedule(played((GQA.id, late, fsrs.Rating.Good)), [GQA]).values()

    assert [one.memory.day for one in found] == [date(2026, 3, 4)]
    assert due(found, date(2026, 3, 3)) == []
    assert due(found, date(2026, 3, 4)) == list(found)
    assert [one.days(date(2026, 3, d)) for one in found for d in (1, 4, 6)] == [3, 0, -2]


def test_the_least_likely_still_known_comes_first() -> None:
    katas = [Kata("t", f"k{n}", "K", "easy", 20) for n in range(6)]
    dice = random.Random(3)
    rounds = [(kata.id, dice.uniform(0, 9), dice.choice(list(fsrs.Rating))) for kata in katas]
    scheduler = fsrs.Scheduler(learning_steps=(), relearning_steps=(), enable_fuzzing=False)
    today = date(2026, 5, 20)
    evening = datetime(2026, 5, 20, 22).astimezone(UTC)

    found = due(schedule(played(*rounds), katas).values(), today)

    cards = {one[0]: by_fsrs(one) for one in rounds}
    recalls = [scheduler.get_card_retrievability(cards[one.kata.id], evening) for one in found]
    assert len(found) == len(katas)
    assert recalls == sorted(recalls)
    assert recalls[0] < recalls[-1]
