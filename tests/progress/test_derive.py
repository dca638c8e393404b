"""What follows from the facts: events at chosen times, and what is made of them."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from grader.progress.derive import AWAY, KataState, State, derive
from grader.progress.store import Event

GQA, MLA = "attention/gqa", "attention/mla"
NOON = datetime(2026, 3, 10, 12).timestamp()
MINUTE = 60.0

Fact = tuple[float, str, dict[str, Any]]


def history(*facts: tuple[Any, ...]) -> list[Event]:
    """Events from (minute after noon, kind, data), the data left out where there is none."""
    events = []
    for number, (minute, kind, *rest) in enumerate(facts, start=1):
        data = dict(rest[0]) if rest else {}
        kata = data.pop("kata", GQA)
        events.append(Event(number, NOON + minute * MINUTE, kind, kata, data))
    return events


def gqa(*facts: tuple[Any, ...]) -> KataState:
    return derive(history(*facts)).of(GQA)


FAILED = {"verdict": "failed"}
PASSED = {"verdict": "passed"}


def at(minute: float) -> float:
    return NOON + minute * MINUTE


def test_nothing_has_happened_yet() -> None:
    state = derive([])

    assert state.current is None
    assert state.of(GQA).status == "new"
    assert state.of(GQA).best is None
    assert state.of(GQA).elapsed(NOON) == 0
    assert state.of(GQA).spent(NOON) == 0
    assert state.of(GQA).hints == 0
    assert state.streak(date.today()) == 0


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        ([(0, "started")], "started"),
        ([(0, "started"), (1, "checked", FAILED)], "started"),
        ([(0, "checked", FAILED)], "started"),
        ([(0, "started"), (1, "checked", PASSED)], "solved"),
        ([(0, "checked", PASSED)], "solved"),
        ([(0, "started"), (1, "checked", PASSED), (2, "checked", FAILED)], "solved"),
        ([(0, "started"), (1, "checked", PASSED), (2, "gave_up")], "solved"),
        ([(0, "started"), (1, "checked", PASSED), (2, "reset")], "solved"),
        ([(0, "started"), (1, "gave_up")], "given up"),
        ([(0, "gave_up")], "given up"),
        ([(0, "started"), (1, "gave_up"), (2, "checked", PASSED)], "given up"),
        ([(0, "started"), (1, "gave_up"), (2, "reset"), (3, "checked", FAILED)], "given up"),
        ([(0, "started"), (1, "gave_up"), (2, "reset"), (3, "checked", PASSED)], "solved"),
    ],
)
def test_status_follows_from_passes_and_looks_at_the_solution(
    facts: list[Fact], status: str
) -> None:
    assert gqa(*facts).status == status


@pytest.mark.parametrize(
    "verdict", ["failed", "error", "timeout", "crashed", "unimplemented", "skipped"]
)
def test_only_a_pass_solves(verdict: str) -> None:
    assert gqa((0, "started"), (1, "checked", {"verdict": verdict})).status == "started"


def test_the_time_runs_from_the_start_to_the_first_pass() -> None:
    state = gqa((0, "started"), (5, "checked", FAILED), (7, "checked", PASSED), (20, "checked"))

    assert state.best == 7 * MINUTE
    assert state.elapsed(at(90)) == 7 * MINUTE
    assert state.round is not None
    assert state.round.solved == at(7)
    assert (state.round.checks, state.round.ended) == (2, at(7))


def test_a_round_knows_the_mistakes_of_the_checks_that_led_to_its_pass() -> None:
    tiled = {"mistakes": ["tiles_kv_heads"], "tells": ["..."], "confidence": "high"}
    both = {"mistakes": ["tiles_kv_heads", "no_scale"], "tells": ["...", "..."]}
    facts = [(0, "started"), (1, "checked", FAILED), (1, "diagnosed", tiled)]
    facts += [(2, "checked", FAILED), (2, "diagnosed", both), (3, "checked", PASSED)]
    late = [(4, "checked", FAILED), (4, "diagnosed", tiled)]

    (round_,) = gqa(*facts, *late).rounds

    assert round_.mistakes == ["tiles_kv_heads", "tiles_kv_heads", "no_scale"]
    assert round_.checks == 3


def test_a_round_that_was_given_up_ended_then() -> None:
    (round_,) = gqa((0, "started"), (3, "gave_up"), (5, "checked", PASSED)).rounds

    assert (round_.ended, round_.solved, round_.given_up) == (at(3), at(5), True)


def test_facts_of_the_whole_folder_are_of_no_kata() -> None:
    state = derive(history((0, "started"), (1, "planned", {"kata": ""})))

    assert list(state.katas) == [GQA]
    assert state.current == GQA


def test_the_clock_of_an_open_round_runs_on() -> None:
    state = gqa((0, "started"), (5, "checked", FAILED))

    assert state.elapsed(at(8)) == 8 * MINUTE
    assert state.best is None


def test_a_start_that_resumes_is_the_same_round() -> None:
    state = gqa((0, "started"), (3, "started", {"fresh": False}), (5, "checked", PASSED))

    assert len(state.rounds) == 1
    assert state.best == 5 * MINUTE


def test_pauses_do_not_count() -> None:
    state = gqa((0, "started"), (2, "paused"), (50, "started"), (53, "checked", PASSED))

    assert state.best == 5 * MINUTE


def test_a_check_ends_a_pause_and_what_is_paused_twice_counts_once() -> None:
    state = gqa((0, "started"), (2, "paused"), (4, "paused"), (9, "checked", FAILED))

    assert state.elapsed(at(9)) == 2 * MINUTE
    assert state.elapsed(at(10)) == 3 * MINUTE


def test_the_clock_stands_while_paused() -> None:
    assert gqa((0, "started"), (2, "paused")).elapsed(at(500)) == 2 * MINUTE


def test_an_absence_counts_as_an_hour_at_most() -> None:
    assert AWAY == 60 * MINUTE
    slept = gqa((0, "started"), (24 * 60, "checked", FAILED), (24 * 60 + 5, "checked", PASSED))
    away = gqa((0, "started"))

    assert slept.best == 65 * MINUTE
    assert away.elapsed(at(59)) == 59 * MINUTE
    assert away.elapsed(at(10_000)) == 60 * MINUTE


def test_hints_and_looks_are_signs_of_life() -> None:
    state = gqa((0, "started"), (50, "hinted"), (100, "hinted"), (150, "checked", PASSED))

    assert state.best == 150 * MINUTE
    assert state.hints == 2


def test_a_clock_that_was_set_back_takes_no_time_away() -> None:
    state = gqa((0, "started"), (10, "checked", FAILED), (4, "checked", FAILED), (6, "checked"))

    assert state.elapsed(at(6)) == 12 * MINUTE
    assert state.elapsed(at(5)) == 12 * MINUTE


@pytest.mark.parametrize("again", [(20, "reset"), (20, "started", {"fresh": True})])
def test_a_fresh_start_is_a_new_round_with_its_own_clock_and_hints(again: tuple[Any, ...]) -> None:
    state = gqa((0, "started"), (1, "hinted"), (9, "checked", PASSED), again)

    assert len(state.rounds) == 2
    assert state.elapsed(at(23)) == 3 * MINUTE
    assert state.spent(at(23)) == 12 * MINUTE
    assert state.hints == 0
    assert state.best == 9 * MINUTE


def test_the_best_time_is_the_fastest_round_s() -> None:
    fresh = {"fresh": True}
    state = gqa(
        (0, "started"),
        (9, "checked", PASSED),
        (20, "started", fresh),
        (24, "checked", PASSED),
        (30, "started", fresh),
        (37, "checked", PASSED),
    )

    assert state.best == 4 * MINUTE


def test_a_pass_after_a_look_at_the_solution_has_no_time() -> None:
    state = gqa((0, "started"), (3, "gave_up"), (4, "checked", PASSED))

    assert state.best is None
    assert state.elapsed(at(90)) == 3 * MINUTE


def test_a_look_at_the_solution_after_a_pass_takes_nothing_away() -> None:
    state = gqa((0, "started"), (3, "checked", PASSED), (4, "gave_up"))

    assert (state.status, state.best) == ("solved", 3 * MINUTE)


def test_what_was_never_started_has_no_time() -> None:
    state = gqa((0, "checked", FAILED), (3, "checked", PASSED))

    assert (state.status, state.best) == ("solved", None)


def test_a_kata_that_is_started_after_a_check_without_a_start_has_a_time() -> None:
    state = gqa((0, "checked", FAILED), (60, "started"), (65, "checked", PASSED))

    assert state.best == 5 * MINUTE


def test_a_hint_before_the_start_does_not_start_the_clock() -> None:
    state = gqa((0, "hinted"), (30, "started"), (35, "checked", PASSED))

    assert state.best == 5 * MINUTE
    assert state.hints == 1


def test_katas_have_clocks_of_their_own() -> None:
    other = {"kata": MLA}
    state = derive(
        history(
            (0, "started"), (5, "started", other), (8, "checked", PASSED), (9, "checked", other)
        )
    )

    assert state.of(GQA).best == 8 * MINUTE
    assert state.of(MLA).elapsed(at(10)) == 5 * MINUTE


def test_the_current_kata_is_the_last_that_was_touched() -> None:
    facts = [(0, "started"), (1, "started", {"kata": MLA}), (2, "checked", FAILED)]

    assert derive(history(*facts[:2])).current == MLA
    assert derive(history(*facts)).current == GQA


def test_a_sweep_is_a_check_but_does_not_change_the_current_kata() -> None:
    sweep = PASSED | {"kata": MLA, "sweep": True}
    state = derive(history((0, "started"), (1, "checked", sweep)))

    assert state.current == GQA
    assert state.of(MLA).status == "solved"
    assert len(state.checks) == 1


def on(*days: datetime, kind: str = "checked") -> State:
    return derive(Event(n, day.timestamp(), kind, GQA, {}) for n, day in enumerate(days))


TODAY = datetime(2026, 3, 10)


def ago(days: int, hour: int = 12) -> datetime:
    return (TODAY - timedelta(days=days)).replace(hour=hour)


@pytest.mark.parametrize(
    ("days", "streak"),
    [
        ([ago(0)], 1),
        ([ago(1)], 1),
        ([ago(2)], 0),
        ([ago(0), ago(0, hour=3)], 1),
        ([ago(0), ago(1), ago(2)], 3),
        ([ago(1), ago(2)], 2),
        ([ago(0), ago(2), ago(3)], 1),
        ([ago(1, hour=0), ago(0, hour=23)], 2),
        ([ago(n) for n in range(40)], 40),
    ],
)
def test_the_streak_counts_days_in_a_row_up_to_today_or_yesterday(
    days: list[datetime], streak: int
) -> None:
    assert on(*sorted(days)).streak(TODAY.date()) == streak


def test_only_checks_make_a_streak() -> None:
    assert on(ago(0), kind="started").streak(TODAY.date()) == 0


def test_facts_of_a_kind_that_is_not_known_do_no_harm() -> None:
    state = gqa((0, "started"), (1, "praised", {"by": "a later version"}), (2, "checked", PASSED))

    assert (state.status, state.best) == ("solved", 2 * MINUTE)


# debug rounds

DEBUG = {"kata": f"{GQA}.debug"}
PLANTED = DEBUG | {"fresh": True, "seed": 5, "source": "abc", "bugs": {"scales_twice": [40, 41]}}


def test_a_debug_round_is_by_itself() -> None:
    facts = [(0, "started", PLANTED), (1, "hinted", DEBUG), (4, "checked", PASSED | DEBUG)]
    state = derive(history(*facts))
    debug = state.of(f"{GQA}.debug")

    assert (state.of(GQA).status, state.of(GQA).best, state.of(GQA).hints) == ("new", None, 0)
    assert (debug.status, debug.best, debug.hints) == ("solved", 4 * MINUTE, 1)
    assert state.current == f"{GQA}.debug"
    assert len(state.checks) == 1


def test_a_debug_round_knows_what_was_planted_in_it() -> None:
    again = PLANTED | {"seed": 6, "bugs": {"forgets_the_mask": [50, 50]}}
    resumed = DEBUG | {"fresh": False}
    state = derive(
        history((0, "started", PLANTED), (1, "started", resumed), (2, "started", again))
    ).of(f"{GQA}.debug")

    first, second = (r.bugs for r in state.rounds)
    assert first is not None
    assert (first.seed, first.source, first.lines) == (5, "abc", {"scales_twice": (40, 41)})
    assert second is not None
    assert second.lines == {"forgets_the_mask": (50, 50)}


def test_only_rounds_that_passed_without_the_solution_are_won() -> None:
    state = derive(
        history(
            (0, "started", PLANTED),
            (1, "gave_up", DEBUG),
            (2, "checked", PASSED | DEBUG),
            (3, "started", PLANTED),
            (5, "checked", PASSED | DEBUG),
            (6, "started", PLANTED),
        )
    ).of(f"{GQA}.debug")

    assert [r.began for r in state.won] == [at(3)]
