"""What a round is worth: events at chosen times, and the grade that follows."""

from typing import Any

import pytest

from grader.progress.derive import Round, derive
from grader.progress.rating import MANY_CHECKS, Rating, rate
from grader.progress.store import Event

KATA = "attention/gqa"
MINUTES = 20
FAILED, PASSED, STUB = {"verdict": "failed"}, {"verdict": "passed"}, {"verdict": "unimplemented"}


def round_of(*facts: tuple[Any, ...]) -> Round:
    """The last round after (minute, kind, data), the data left out where there is none."""
    events = [
        Event(number, 1e9 + 60.0 * minute, kind, KATA, dict(*rest))
        for number, (minute, kind, *rest) in enumerate(facts, start=1)
    ]
    return derive(events).of(KATA).rounds[-1]


def rated(*facts: tuple[Any, ...]) -> Rating | None:
    return rate(round_of(*facts), MINUTES)


def tries(number: int) -> list[tuple[Any, ...]]:
    """So many checks within five minutes, of which the last passes."""
    return [(5.0, "checked", FAILED)] * (number - 1) + [(5.0, "checked", PASSED)]


@pytest.mark.parametrize(
    ("facts", "grade", "why"),
    [
        ([(10, "checked", PASSED)], "easy", "at the first check, in 10 of 20 min"),
        ([(10.1, "checked", PASSED)], "good", "at the first check, in 11 of 20 min"),
        ([(20, "checked", PASSED)], "good", "at the first check, in 20 of 20 min"),
        (tries(2), "good", "2 checks, in 5 of 20 min"),
        (tries(MANY_CHECKS), "good", "8 checks, in 5 of 20 min"),
        (tries(MANY_CHECKS + 1), "hard", "9 checks, in 5 of 20 min"),
        ([(20.1, "checked", PASSED)], "hard", "over time, in 21 of 20 min"),
        ([(1, "hinted"), (2, "checked", PASSED)], "hard", "1 hint, in 2 of 20 min"),
        ([(1, "hinted"), (1, "hinted"), *tries(9)], "hard", "2 hints, 9 checks, in 5 of 20 min"),
        ([(1, "gave_up")], "again", "given up"),
        ([(1, "gave_up"), (2, "checked", PASSED)], "again", "given up"),
    ],
)
def test_a_grade_follows_from_what_happened(
    facts: list[tuple[Any, ...]], grade: str, why: str
) -> None:
    rating = rated((0, "started"), *facts)

    assert rating is not None
    assert (rating.grade.word, rating.why) == (grade, why)


@pytest.mark.parametrize(
    "facts",
    [
        [(0, "started")],
        [(0, "started"), (1, "hinted"), (2, "checked", FAILED)],
        [(0, "started"), (1, "checked", PASSED), (2, "reset")],
    ],
)
def test_a_round_that_is_neither_passed_nor_given_up_has_no_rating(
    facts: list[tuple[Any, ...]],
) -> None:
    assert rated(*facts) is None


def test_a_debug_round_has_no_rating() -> None:
    bugs = {"fresh": True, "seed": 5, "source": "abc", "bugs": {"scales_twice": [40, 41]}}

    assert rated((0, "started", bugs), (1, "checked", PASSED)) is None


def test_the_stub_that_kata_watch_judges_first_is_no_try() -> None:
    facts = [(0, "started"), (0, "checked", STUB), (5, "checked", PASSED)]

    assert round_of(*facts).checks == 2
    assert rated(*facts) == rated(facts[0], facts[2])


def test_what_happens_after_a_pass_changes_no_grade() -> None:
    facts = [(0, "started"), (5, "checked", PASSED)]
    later = [(6, "hinted"), (7, "gave_up"), (8, "checked", FAILED)]

    assert rated(*facts, *later) == rated(*facts)


def test_pauses_are_not_over_time() -> None:
    rating = rated((0, "started"), (5, "paused"), (900, "started"), (903, "checked", PASSED))

    assert rating is not None
    assert rating.why == "at the first check, in 8 of 20 min"


def test_a_pass_without_a_start_has_no_time_and_is_never_easy() -> None:
    rating = rated((0, "checked", PASSED))

    assert rating is not None
    assert (rating.grade.word, rating.why) == ("good", "at the first check, without a start")
