"""The order of events: one log as it was written, several merged by time."""

from pathlib import Path

from grader.progress.exchange import Log, merge, read_log
from grader.progress.order import in_time
from grader.progress.store import Event, Store


def events(*times: float, first: int = 1, kata: str = "attention/gqa") -> list[Event]:
    return [Event(id, at, "checked", kata, {}) for id, at in enumerate(times, start=first)]


def block(id: int, first: int, last: int, at: float) -> Event:
    return Event(id, at, "imported", "", {"first": first, "last": last, "from": "x.zip"})


def times(found: list[Event]) -> list[float]:
    return [event.at for event in found if event.kind != "imported"]


def test_one_log_stays_as_it_is_whatever_its_clock_did() -> None:
    log = events(5, 3, 9, 1)

    assert in_time(log) == log


def test_an_imported_log_goes_between_by_time() -> None:
    log = [*events(10, 20, 30), *events(5, 15, 25, 35, first=4), block(8, 4, 7, 40)]

    assert times(in_time(log)) == [5, 10, 15, 20, 25, 30, 35]


def test_neither_log_is_reordered_within_itself() -> None:
    # here the clock was put back by 50 after the second event
    log = [*events(60, 70, 20, 30), *events(25, 65, 80, first=5), block(8, 5, 7, 90)]

    assert times(in_time(log)) == [25, 60, 65, 70, 20, 30, 80]


def test_two_imports_of_one_machine_s_log_follow_each_other() -> None:
    log = [
        *events(10),
        *events(1, 2, first=2),
        block(4, 2, 3, 20),
        *events(30, first=5),
        *events(21, 40, first=6),
        block(8, 6, 7, 50),
    ]

    assert times(in_time(log)) == [1, 2, 10, 21, 30, 40]


def test_a_merge_is_read_back_in_time_and_doubles_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path / "progress.db")
    own = store.append("checked", "attention/gqa", source="mine")
    before, after = own.at - 10.5, own.at + 10.5
    other = Log(
        tuple(Event(0, at, "checked", "attention/mla", {"n": 1.5}) for at in (before, after)),
        {},
    )

    first, second = merge(store, other, "x.zip"), merge(store, other, "x.zip")

    assert (first.events, first.known) == (2, 0)
    assert (second.events, second.known) == (0, 2)
    assert times(store.events()) == [before, own.at, after]
    assert times(list(read_log(store).events)) == [before, own.at, after]
    assert [event.kind for event in store.events()].count("imported") == 1


def test_two_facts_that_are_alike_are_two(tmp_path: Path) -> None:
    store = Store(tmp_path / "progress.db")
    twins = Log((Event(0, 5.0, "hinted", "attention/gqa", {}),) * 2, {})

    assert merge(store, twins, "x.zip").events == 2
    assert merge(store, twins, "x.zip").events == 0
    assert times(store.events()) == [5.0, 5.0]
