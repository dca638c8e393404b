"""The plan up to an interview: what it keeps to, whatever the catalogue, and what it adapts to."""

import random
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from grader.content.catalog import Catalog, Kata, Track
from grader.progress.forecast import Day, Session
from grader.progress.plan import Plan, Today, goal_of, make_plan, todays_part
from grader.progress.store import Event

TODAY = date(2026, 3, 2)
NOON = datetime(2026, 3, 2, 12).timestamp()
DAY = 86400.0
PASSED, FAILED = {"verdict": "passed"}, {"verdict": "failed"}

Fact = tuple[float, str, str, dict[str, Any]]


def catalog(*katas: Kata) -> Catalog:
    return Catalog((Track("t", "T", "", 0, katas),))


def kata(slug: str, minutes: int = 20, *needs: str, core: bool = True) -> Kata:
    return Kata("t", slug, slug.title(), "easy", minutes, core, needs)


def any_catalog(seed: int, size: int = 40) -> Catalog:
    dice = random.Random(seed)
    katas: list[Kata] = []
    for number in range(size):
        before = [one.slug for one in katas]
        needs = dice.sample(before, min(len(before), dice.choice([0, 0, 1, 2])))
        minutes = dice.choice([8, 10, 15, 20, 25, 30, 45])
        katas.append(kata(f"k{number}", minutes, *needs, core=dice.random() < 0.4))
    return catalog(*katas)


def goal(days: int, minutes: int, at: float = NOON - 30 * DAY) -> Fact:
    return at, "planned", "", {"date": str(TODAY + timedelta(days=days)), "minutes": minutes}


def log(*facts: Fact) -> list[Event]:
    return [Event(number, *fact) for number, fact in enumerate(facts, start=1)]


def plan(katas: Catalog, *facts: Fact, now: float = NOON) -> Plan:
    found = make_plan(log(*facts), katas, now)
    assert found is not None
    return found


def good(slug: str, at: float, minutes: int = 20) -> list[Fact]:
    """A round that passes in time, at the second check: "good"."""
    id = f"t/{slug}"
    begun = (at - 60 * minutes, "started", id, {"fresh": True})
    # signs of life, for who is silent for an hour is away
    return [begun, (at - 1, "checked", id, FAILED), (at, "checked", id, PASSED)]


def days_of(found: Plan) -> list[Day]:
    first = Day(found.today.date, tuple(task.session for task in found.today.tasks))
    return [first, *found.days]


def slugs(sessions: Iterable[Session]) -> list[str]:
    return [session.kata.slug for session in sessions]


def today(found: Plan | Today) -> list[tuple[str, str]]:
    part = found.today if isinstance(found, Plan) else found
    return [(task.session.kata.slug, task.status) for task in part.tasks]


# the goal


def test_without_a_goal_or_once_its_date_has_come_there_is_no_plan() -> None:
    katas = catalog(kata("a"))

    for facts in ([], [goal(0, 60)], [goal(-3, 60)]):
        assert make_plan(log(*facts), katas, NOON) is None
        assert todays_part(log(*facts), katas, NOON) is None


def test_the_goal_that_was_set_last_counts() -> None:
    facts = [goal(9, 60), goal(5, 30), *good("a", NOON)]

    found = goal_of(log(*facts))

    assert found is not None
    assert (found.date, found.minutes) == (TODAY + timedelta(days=5), 30)


# what a plan keeps to


@pytest.mark.parametrize("minutes", [20, 45, 60, 240])
@pytest.mark.parametrize("seed", range(4))
def test_a_plan_keeps_to_its_rules(seed: int, minutes: int) -> None:
    katas = any_catalog(seed)
    by_slug = {one.slug: one for one in katas}
    found = plan(katas, goal(25, minutes))
    days = days_of(found)

    # every day up to the one before the interview, in order
    assert [day.date for day in days] == [TODAY + timedelta(days=n) for n in range(25)]
    new: list[str] = []
    seen: dict[str, date] = {}
    parts: dict[str, list[Session]] = {}
    for day in days:
        assert day.minutes <= minutes
        for session in day.sessions:
            slug = session.kata.slug
            if session.parts > 1:
                # a day of its own
                assert len(day.sessions) == 1
                parts.setdefault(slug, []).append(session)
                if session.part < session.parts:
                    continue
            else:
                assert session.minutes == session.kata.minutes
            # new once, and a review from then on, on a later day
            assert session.review == (slug in seen)
            assert seen.get(slug, date.min) < day.date
            if not session.review:
                assert set(session.kata.needs) <= seen.keys()
                new.append(slug)
            seen[slug] = day.date
    # every kata has a day or is left out
    assert sorted([*new, *(one.slug for one in found.left_out)]) == sorted(by_slug)
    for slug, sessions in parts.items():
        whole = sessions[: sessions[0].parts]
        assert [session.part for session in whole] == list(range(1, len(whole) + 1))
        assert sum(session.minutes for session in whole) == by_slug[slug].minutes > minutes
    # what is neither core nor needed by a core kata comes after all that is
    wanted = {one.slug for one in katas if one.core}
    while more := {need for slug in wanted for need in by_slug[slug].needs} - wanted:
        wanted |= more
    places = [slug in wanted for slug in new]
    assert places == sorted(places, reverse=True)


def test_needs_come_first_also_when_they_are_not_core() -> None:
    katas = catalog(
        kata("plain", core=False), kata("late", 20, "base"), kata("base", core=False), kata("easy")
    )

    found = plan(katas, goal(10, 60))

    assert slugs(days_of(found)[0].sessions) == ["base", "late", "easy"]
    assert "plain" in slugs(found.days[0].sessions)


def test_a_kata_longer_than_a_day_gets_days_of_its_own() -> None:
    found = plan(catalog(kata("long", 50), kata("short", 10)), goal(6, 20))

    days = [[(s.kata.slug, s.minutes, s.part) for s in day.sessions] for day in days_of(found)]
    assert [("long", 20, 1)] in days
    at = days.index([("long", 20, 1)])
    assert days[at : at + 3] == [[("long", 20, 1)], [("long", 20, 2)], [("long", 10, 3)]]
    assert found.left_out == ()


def test_neither_reviews_nor_long_katas_wait_for_ever() -> None:
    katas = catalog(*(kata(f"short{n}", 10) for n in range(8)), kata("long", 30), kata("last", 25))
    facts = [fact for n in range(8) for fact in good(f"short{n}", NOON - (9 - n) * DAY, 10)]

    found = plan(katas, *facts, goal(14, 30))

    sessions = [session for day in days_of(found) for session in day.sessions]
    assert {"long", "last"} <= set(slugs(sessions))
    assert set(slugs(s for s in sessions if s.review)) >= {f"short{n}" for n in range(8)}


def test_a_core_kata_gets_its_day_although_reviews_wait() -> None:
    old = [kata(f"old{n}", 10) for n in range(20)]
    facts = [fact for one in old for fact in good(one.slug, NOON - 20 * DAY, 10)]

    found = plan(catalog(*old, kata("wide", 20), kata("long", 30)), *facts, goal(8, 20))

    new = [s.kata.slug for day in days_of(found) for s in day.sessions if not s.review]
    assert new == ["wide", "long", "long"]


def test_a_long_review_is_not_begun_on_a_day_too_late() -> None:
    facts = good("long", NOON - 20 * DAY, 50)
    found = plan(catalog(kata("long", 50)), *facts, goal(2, 20))

    assert [day.sessions for day in days_of(found)] == [(), ()]
    assert [one.slug for one in found.late] == ["long"]


def test_reviews_leave_half_of_a_day_to_core_katas_that_are_open() -> None:
    old = [kata(f"old{n}", 10) for n in range(20)]
    facts = [fact for one in old for fact in good(one.slug, NOON - 20 * DAY, 10)]
    open_ = catalog(*old, kata("a", 15), kata("b", 15), kata("c", 15))

    day = days_of(plan(open_, *facts, goal(20, 60)))[0]
    done = days_of(plan(catalog(*old), *facts, goal(20, 60)))[0]

    assert sum(s.minutes for s in day.sessions if s.review) == 30
    assert sum(s.minutes for s in day.sessions if not s.review) == 30
    assert [s.review for s in done.sessions] == [True] * 6


# what does not fit


@pytest.mark.parametrize("seed", range(3))
def test_what_does_not_fit_is_counted_and_the_minutes_that_would_do_do(seed: int) -> None:
    katas = any_catalog(seed, 60)
    found = plan(katas, goal(12, 30))

    assert any(one.core for one in found.left_out)
    assert found.for_core is not None
    assert found.for_all is not None
    for_core, for_all = plan(katas, goal(12, found.for_core)), plan(katas, goal(12, found.for_all))
    assert not any(one.core for one in for_core.left_out)
    assert for_all.left_out == ()
    less = plan(katas, goal(12, found.for_core - 5))
    assert any(one.core for one in less.left_out)
    assert plan(katas, goal(12, found.for_all - 5)).left_out != ()


def test_where_no_number_of_minutes_would_do_none_is_named() -> None:
    katas = catalog(*(kata(f"k{n}", 45) for n in range(60)))

    found = plan(katas, goal(1, 60))

    assert len(found.left_out) == 59
    assert (found.for_core, found.for_all) == (None, None)


def test_where_all_fits_nothing_is_missing() -> None:
    found = plan(catalog(kata("a"), kata("b", core=False)), goal(30, 60))

    assert (found.left_out, found.late, found.for_core, found.for_all) == ((), (), 60, 60)


def test_what_needs_a_kata_that_does_not_fit_is_left_out_with_it() -> None:
    found = plan(catalog(kata("huge", 60), kata("after", 5, "huge"), kata("a", 5)), goal(2, 20))

    assert {one.slug for one in found.left_out} == {"huge", "after"}


# how it adapts


def test_who_does_what_is_planned_finds_tomorrow_as_it_was_foretold() -> None:
    katas = any_catalog(5, 30)
    facts = [goal(16, 60)]
    foretold = days_of(plan(katas, *facts))
    now = NOON

    for day in foretold[:8]:
        found = todays_part(log(*facts), katas, now)
        assert found is not None
        assert tuple(task.session for task in found.tasks) == day.sessions
        evening = datetime.combine(day.date, datetime.min.time()).timestamp() + 22 * 3600
        for session in day.sessions:
            facts += good(session.kata.slug, evening, session.kata.minutes)
        done = todays_part(log(*facts), katas, evening)
        assert done is not None
        assert done.done == len(done.tasks)
        now += DAY


def test_today_stays_as_it_was_in_the_morning_and_is_ticked_off() -> None:
    katas = catalog(kata("a"), kata("b"), kata("c"), kata("d"), kata("e"))
    facts = [goal(20, 60)]
    assert today(plan(katas, *facts)) == [("a", "open"), ("b", "open"), ("c", "open")]

    facts += good("b", NOON)
    facts += [(NOON, "started", "t/a", {}), (NOON, "started", "t/c", {})]
    facts += [(NOON + 60, "gave_up", "t/c", {})]
    facts += good("e", NOON + 90)
    found = plan(katas, *facts, now=NOON + 120)

    assert today(found) == [("a", "started"), ("b", "done"), ("c", "given up")]
    assert [one.slug for one in found.today.beside] == ["e"]
    assert (found.today.minutes, found.today.minutes_done, found.today.done) == (60, 40, 2)
    assert found.today.first is not None
    assert found.today.first.session.kata.slug == "a"
    # what was given up comes back tomorrow, what was done beside the plan is not new any more
    tomorrow = [(s.kata.slug, s.review) for s in found.days[0].sessions]
    assert sorted(tomorrow) == [("c", True), ("d", False)]


def test_what_was_not_done_is_planned_anew_on_the_next_day() -> None:
    katas = catalog(kata("a"), kata("b"), kata("c"))
    facts = [goal(20, 40), *good("a", NOON)]

    assert today(plan(katas, *facts)) == [("a", "done"), ("b", "open")]
    assert today(plan(katas, *facts, now=NOON + DAY)) == [("b", "open"), ("c", "open")]


def test_a_kata_that_was_begun_goes_on_first_with_what_is_left_of_it() -> None:
    katas = catalog(kata("a", 10), kata("long", 50))
    facts: list[Fact] = [goal(20, 30), (NOON, "started", "t/long", {})]
    facts += [(NOON + 30 * 60, "checked", "t/long", FAILED)]

    found = plan(katas, *facts, now=NOON + DAY)

    first = found.today.tasks[0].session
    assert (first.kata.slug, first.minutes, first.parts) == ("long", 20, 1)
    # its review is of the whole
    later = [s for day in found.days for s in day.sessions if s.kata.slug == "long"]
    assert [(s.review, s.minutes, s.parts) for s in later[:2]] == [(True, 30, 2), (True, 20, 2)]


def test_a_day_s_part_of_a_long_kata_is_done_after_its_minutes() -> None:
    katas = catalog(kata("long", 50))
    facts: list[Fact] = [goal(20, 30), (NOON, "started", "t/long", {})]
    later = (NOON + 30 * 60, "checked", "t/long", FAILED)

    assert today(plan(katas, *facts, now=NOON + 60)) == [("long", "started")]
    found = plan(katas, *facts, later, now=NOON + 31 * 60)
    assert today(found) == [("long", "done")]
    assert [(s.kata.slug, s.part) for s in found.days[0].sessions] == [("long", 2)]
    # and passed today, it takes no second day
    early = plan(katas, *facts, (NOON + 60, "checked", "t/long", PASSED), now=NOON + 90)
    assert today(early) == [("long", "done")]
    assert early.days[0].sessions == ()


def test_a_review_takes_as_long_as_the_kata_did() -> None:
    katas = catalog(kata("quick", 30), kata("slow", 30))
    facts = [*good("quick", NOON - 20 * DAY, 12), *good("slow", NOON - 20 * DAY, 50)]

    found = plan(katas, *facts, goal(20, 60))

    tasks = {task.session.kata.slug: task.session for task in found.today.tasks}
    assert {slug: session.minutes for slug, session in tasks.items()} == {"quick": 12, "slow": 30}
    assert all(session.review for session in tasks.values())


def test_needs_in_a_circle_or_unknown_ones_do_no_harm() -> None:
    katas = catalog(kata("a", 10, "b"), kata("b", 10, "a"), kata("c", 10, "nowhere"))

    found = plan(katas, goal(9, 60))

    assert {one.slug for one in found.left_out} == {"a", "b"}
    assert ("c", "open") in today(found)
