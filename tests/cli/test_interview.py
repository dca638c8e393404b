"""kata interview: sat at a terminal, left, resumed, and reported on."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from textual.pilot import Pilot

from grader.cli import interviewing
from grader.cli.desk import Desk
from grader.cli.watch.interview import Announcement, InterviewApp
from grader.cli.watch.screens import Question

Sit = Callable[..., Any]
RIGHT, WRONG = "2 of 2 claims hold", "0 of 2 claims hold"
DOUBLE, HALVE = "algebra/double", "algebra/halve"


def begin(take_a_seat: Sit, desk: Any, *options: str) -> Any:
    """The first question of an interview whose first kata can only be double."""
    seat = take_a_seat(desk, "interview", "--level", "easy", *options, columns=100)
    seat.sees("The first question", DOUBLE)
    seat.press("\r")
    seat.sees("not started yet")
    return seat


def follow_up(seat: Any, number: int, key: str, kata: str) -> None:
    seat.sees(f"follow-up {number} of 3, {kata}", "Answer aloud")
    seat.press(" ")
    seat.sees("How well did you know it?")
    seat.press(key)


def test_a_whole_interview_with_hints_follow_ups_an_interruption_and_a_resume(
    take_a_seat: Sit, desk: Any, right: str, wrong: str
) -> None:
    seat = begin(take_a_seat, desk, "--minutes", "30")
    assert "of 30 min, question 1" in seat.text
    seat.press("h")
    seat.sees("hint 1 of 3")
    desk.write(DOUBLE, wrong)
    seat.sees(WRONG, "2 left")
    desk.write(DOUBLE, right)
    seat.sees(RIGHT, "the interviewer goes on")

    seat.press("\r")
    seat.sees("Without multiplying?")
    # nobody rates an answer that they have not seen
    seat.press("1")
    follow_up(seat, 1, "1", DOUBLE)
    follow_up(seat, 2, "2", DOUBLE)
    follow_up(seat, 3, "3", DOUBLE)

    seat.sees("Now build on double", HALVE)
    seat.press("\r")
    seat.sees("not started yet", "question 2")
    seat.press("q")
    assert "Interview 1 is left at" in seat.leaves()
    assert "kata interview" in seat.text

    # what is done meanwhile is no part of it
    assert desk.run("check", HALVE).returncode == 1

    seat = take_a_seat(desk, "interview", columns=100)
    seat.sees(HALVE, "question 2")
    desk.write(HALVE, right)
    seat.sees(RIGHT)
    seat.press("\r")
    seat.sees("follow-up 1 of 3")
    seat.press("\x1b")
    report = seat.leaves()

    assert "Interview 1" in report
    assert "2 of 2 solved" in report
    assert "knew it, partly, missed" in report
    assert "after double" in report
    assert "kata start double --fresh  solved with a hint" in report
    assert "kata solution double  answers to 2 follow-up questions" in report
    again = desk.run("interview", "--report")
    assert "2 of 2 solved" in again.stdout
    data = json.loads(desk.run("interview", "--report", "--json").stdout)
    first, second = data["asked"]
    assert (first["kata"], first["hints"], first["ratings"]) == (
        DOUBLE,
        1,
        ["knew", "partly", "missed"],
    )
    assert (first["claims"], first["solved"]) == ([2, 2], True)
    assert (second["kata"], second["after"], second["moved_on"]) == (HALVE, DOUBLE, True)
    assert 0 < first["seconds"] + second["seconds"] <= data["seconds"] + 1


def test_moving_on_leaves_a_kata_unsolved(take_a_seat: Sit, desk: Any, wrong: str) -> None:
    seat = begin(take_a_seat, desk)
    desk.write(DOUBLE, wrong)
    seat.sees(WRONG)
    seat.press("n")
    seat.sees("Move on without solving double?")
    seat.press("y")
    report = seat.leaves()

    assert "0 of 1 solved" in report
    assert "0 of 2 held at the last check" in report
    assert "kata start double" in report


def test_the_attempt_that_was_there_is_kept(take_a_seat: Sit, desk: Any, wrong: str) -> None:
    desk.write(DOUBLE, wrong)
    seat = begin(take_a_seat, desk)
    seat.press("q")
    seat.leaves()

    (kept,) = (desk.practice / ".kata/history" / DOUBLE).glob("*.py")
    assert kept.read_text() == wrong


def test_the_same_seed_asks_the_same_kata(take_a_seat: Sit, desk: Any) -> None:
    asked = set()
    for _ in range(2):
        seat = take_a_seat(desk, "interview", "--seed", "3", columns=100)
        screen = seat.sees("The first question")
        asked |= {kata for kata in (DOUBLE, HALVE, "algebra/cube") if kata in screen}
        seat.press("q")
        seat.leaves()
        desk.run("interview", "--end")
    assert len(asked) == 1


def test_what_was_passed_in_time_is_not_asked_whatever_was_read_after_it(
    take_a_seat: Sit, desk: Any, right: str
) -> None:
    desk.run("start", DOUBLE)
    desk.write(DOUBLE, right)
    assert desk.run("check", DOUBLE).returncode == 0
    assert desk.run("hint", DOUBLE).returncode == 0

    # these seeds ask for double as long as it is new
    for seed in ("0", "4"):
        seat = take_a_seat(desk, "interview", "--seed", seed, columns=100)
        assert DOUBLE not in seat.sees("The first question")
        seat.press("q")
        seat.leaves()
        desk.run("interview", "--end")


def test_an_open_interview_is_gone_on_with_or_ended(take_a_seat: Sit, desk: Any) -> None:
    begin(take_a_seat, desk).child.close(force=True)

    seat = take_a_seat(desk, "interview", "--minutes", "60")
    assert "interview 1 is not over" in seat.leaves()
    ended = desk.run("interview", "--end")
    assert (ended.returncode, "0 of 1 solved" in ended.stdout) == (0, True)
    assert "no interview is under way" in desk.run("interview", "--end").stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--minutes", "3"], "--minutes 3: give 5 to 240"),
        (["--level", "godlike"], "no level 'godlike'"),
        (["--level", "hard", "--minutes", "5"], "is the least"),
        (["--level", "hard", "--core"], "there is no core hard kata"),
        (["--track", "algebr"], "algebra"),
    ],
    ids=["minutes", "level", "time", "nothing", "track"],
)
def test_what_cannot_be_is_said_with_what_can(
    take_a_seat: Sit, desk: Any, options: list[str], words: str
) -> None:
    seat = take_a_seat(desk, "interview", *options, columns=120)

    assert words in seat.leaves()
    assert seat.child.exitstatus == 2
    assert not desk.events()


def test_without_a_terminal_or_an_interview_it_says_so(desk: Any) -> None:
    assert "needs a terminal" in desk.run("interview").stderr
    assert "no interview yet" in desk.run("interview", "--report").stderr


def test_when_time_is_up_the_interview_may_end_or_go_on(
    learner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(learner.folder)
    monkeypatch.delenv("KATA_PRACTICE", raising=False)
    desk = Desk()

    async def shows(pilot: Pilot[None], screen: type) -> None:
        for _ in range(400):
            if isinstance(pilot.app.screen, screen):
                return
            await pilot.pause(0.05)
        raise AssertionError(f"no {screen.__name__} but {pilot.app.screen}")

    async def scene() -> None:
        app = InterviewApp(desk, interviewing.begin(desk, minutes=30, level="easy"))
        async with app.run_test(size=(100, 30)) as pilot:
            await shows(pilot, Announcement)
            await pilot.press("enter")
            # as if half an hour had gone by
            app._begun -= 1800
            await shows(pilot, Question)
            await pilot.press("n")
            await pilot.pause(2.5)
            assert not isinstance(app.screen, Question), "asked twice"
            await pilot.press("e")
            await shows(pilot, Question)
            await pilot.press("y")

    asyncio.run(scene())

    assert interviewing.present(desk) is None
    (held,) = interviewing.all_of(desk)
    assert len(held.asked) == 1
