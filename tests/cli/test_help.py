"""hint, spec, solution: what helps, and what it costs."""

from typing import Any

import pexpect
import pytest

KATA = "algebra/double"
CODE = "return x * 2.0 + shift"


def kinds(desk: Any) -> list[str]:
    return [event["kind"] for event in desk.events()]


def test_hints_come_one_by_one_and_each_is_counted_once(desk: Any, wrong: str) -> None:
    desk.run("start", "double")
    desk.write(KATA, wrong)

    said = [desk.run("hint", *name).stdout for name in ((), ("double",), (), (), ())]
    left = desk.run("check").stdout

    for shown, out in enumerate(said, start=1):
        for number, hint in enumerate(("Multiply.", "By two.", "x * 2"), start=1):
            assert (f"hint {number} of 3: {hint}" in out) == (number <= min(shown, 3))
    assert kinds(desk) == ["started", "hinted", "hinted", "hinted", "checked"]
    assert "kata solution to give up" in said[2]
    assert "all three again" in left


def test_a_pass_tells_how_many_hints_it_took(desk: Any, right: str) -> None:
    desk.run("start", "double")
    desk.run("hint")
    desk.write(KATA, right)

    assert "with 1 of 3 hints" in desk.run("check").stdout


def test_the_spec_is_shown_again_and_starts_no_clock(desk: Any) -> None:
    done = desk.run("spec", "double")

    assert (done.returncode, done.stderr) == (0, "")
    for words in ("def double(", "Twice x, plus shift.", "torch.cumsum", "Euclid"):
        assert words in done.stdout
    assert desk.events() == []
    assert not desk.attempt(KATA).exists()


# solution


def test_a_solution_needs_a_yes_where_nobody_can_be_asked(desk: Any) -> None:
    done = desk.run("solution", "double", input="y\n")

    assert (done.returncode, done.stdout) == (2, "")
    assert "--yes" in done.stderr
    assert desk.events() == []


def test_yes_shows_the_solution_with_questions_and_gives_up(desk: Any) -> None:
    done = desk.run("solution", "double", "--yes")

    assert (done.returncode, done.stderr) == (0, "")
    assert CODE in done.stdout
    for words in ("Without multiplying?", "x + x.", "How many FLOPs?", "Two per element."):
        assert words in done.stdout
    assert kinds(desk) == ["gave_up"]


@pytest.mark.parametrize("answer", ["n", "", "\x04", "\x03"], ids=["n", "enter", "EOF", "Ctrl-C"])
def test_without_a_yes_the_solution_stays_hidden(desk: Any, sit: Any, answer: str) -> None:
    child = sit(desk, "solution", "double")
    child.expect("Give it up")
    child.send(answer if answer in ("\x04", "\x03") else f"{answer}\r")
    child.expect(pexpect.EOF)
    child.close()

    assert CODE not in child.before
    assert child.exitstatus == (130 if answer == "\x03" else 1)
    assert desk.events() == []


def test_with_a_yes_the_solution_is_shown_and_given_up(desk: Any, sit: Any, right: str) -> None:
    child = sit(desk, "solution", "double", NO_COLOR="1")
    child.expect("Give it up")
    child.send("y\r")
    child.expect(pexpect.EOF)
    child.close()

    assert "multiplying?" in child.before
    assert child.exitstatus == 0
    assert kinds(desk) == ["gave_up"]
    # a pass after that is no solve, and the second look costs nothing more
    assert desk.check(KATA, right).verdict == "passed"
    assert desk.run("solution", "double").returncode == 0
    assert kinds(desk) == ["gave_up", "checked"]
    assert '"status": "given up"' in desk.run("list", "--json").stdout


def test_after_a_pass_the_solution_is_free(desk: Any, right: str) -> None:
    desk.run("start", "double")
    desk.check(KATA, right)

    done = desk.run("solution")

    assert done.returncode == 0
    assert CODE in done.stdout
    assert kinds(desk) == ["started", "checked"]
