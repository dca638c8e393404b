"""Practice by day, pace and frequent mistakes, from facts."""

from datetime import date, datetime, timedelta
from typing import Any

from grader.content.catalog import Kata
from grader.progress.derive import State, derive
from grader.progress.habits import checks_by_day, frequent, paces, weeks
from grader.progress.store import Event

GQA = Kata("attention", "gqa", "GQA", "medium", 10)
MLA = Kata("attention", "mla", "MLA", "hard", 20)
NOON = datetime(2026, 3, 11, 12)  # a Wednesday


def state(*facts: tuple[float, str, Kata, dict[str, Any]]) -> State:
    """Facts some minutes after noon."""
    return derive(
        Event(number, NOON.timestamp() + 60 * minute, kind, kata.id, data)
        for number, (minute, kind, kata, data) in enumerate(facts)
    )


def passed(minute: float, kata: Kata) -> tuple[float, str, Kata, dict[str, Any]]:
    return minute, "checked", kata, {"verdict": "passed"}


def test_each_check_counts_for_its_day_in_local_time() -> None:
    found = checks_by_day(state(passed(0, GQA), passed(1, MLA), passed(24 * 60, GQA)))

    assert found == {date(2026, 3, 11): 2, date(2026, 3, 12): 1}


def test_weeks_run_from_monday_to_today() -> None:
    days = {date(2026, 3, 9): 1, date(2026, 3, 11): 3, date(2026, 3, 1): 5, date(2026, 2, 1): 7}

    assert weeks(days, date(2026, 3, 11), 3) == (
        (0, 0, 0, 0, 0, 0, 5),
        (0, 0, 0, 0, 0, 0, 0),
        (1, 0, 3, None, None, None, None),
    )


def test_a_week_that_crosses_a_change_of_clocks_has_seven_days() -> None:
    (week,) = weeks({date(2026, 3, 29): 1}, date(2026, 3, 29), 1)

    assert week == (0, 0, 0, 0, 0, 0, 1)


def test_pace_is_the_time_of_each_round_that_passed_over_its_minutes() -> None:
    found = paces(
        state(
            (0, "started", MLA, {}),
            (0, "started", GQA, {}),
            passed(15, GQA),
            passed(16, MLA),
            (20, "started", GQA, {"fresh": True}),
            passed(25, GQA),
            # given up, and checked without a start: no pace
            (30, "started", GQA, {"fresh": True}),
            (31, "gave_up", GQA, {}),
        ),
        [GQA, MLA],
    )

    assert [(pace.kata, pace.seconds, pace.share) for pace in found] == [
        (GQA.id, 900.0, 1.5),
        (MLA.id, 960.0, 0.8),
        (GQA.id, 300.0, 0.5),
    ]


def test_a_kata_checked_without_a_start_has_no_pace() -> None:
    assert paces(state(passed(5, GQA)), [GQA]) == []


def test_a_mistake_counts_once_a_round_and_the_most_frequent_comes_first() -> None:
    tiles, scales = {"mistakes": ["tiles"]}, {"mistakes": ["scales", "tiles"]}
    found = frequent(
        state(
            (0, "started", GQA, {}),
            (1, "diagnosed", GQA, tiles),
            (2, "diagnosed", GQA, tiles),
            (3, "reset", GQA, {}),
            (4, "diagnosed", GQA, scales),
            (5, "diagnosed", MLA, tiles),
        ),
        [GQA, MLA],
    )

    assert [(one.kata, one.mistake, one.times) for one in found] == [
        (GQA.id, "tiles", 2),
        (GQA.id, "scales", 1),
        (MLA.id, "tiles", 1),
    ]


def test_today_is_the_last_day_of_the_last_week() -> None:
    today = date(2026, 3, 11)
    for back in range(7):
        *_, last = weeks({}, today - timedelta(days=back), 2)
        assert sum(checks is not None for checks in last) == (today.weekday() - back) % 7 + 1
