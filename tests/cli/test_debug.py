"""kata debug: a file with bugs in it, judged and counted apart from the kata itself."""

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pexpect
import pytest

from grader.content.catalog import load_catalog
from grader.content.planting import handout

KATA, ROUND = "algebra/double", "algebra/double.debug"
TELLS = {
    "halves": "x is halved.",
    "squares": "x is squared.",
    "forgets_the_shift": "shift is ignored.",
    "subtracts_the_shift": "shift is subtracted.",
}


def file(desk: Any) -> Path:
    return Path(desk.practice / f"{ROUND}.py")


def kept(desk: Any, kata: str = ROUND) -> list[str]:
    """The texts in the history."""
    return [path.read_text() for path in (desk.practice / ".kata/history" / kata).glob("*.py")]


def bugs(desk: Any) -> list[str]:
    """The names of what was planted last."""
    return list([event for event in desk.events() if "bugs" in event][-1]["bugs"])


def fix(desk: Any) -> None:
    file(desk).write_text(desk.right)


@pytest.fixture
def desk(desk: Any, trifles: Any) -> Any:
    """Someone at work on trifles, who knows what is right."""
    desk.right = handout(trifles.SOLUTION, trifles.STUB)
    return desk


def data(desk: Any, *command: str) -> Any:
    return json.loads(desk.run(*command, "--json").stdout)


# the file


def test_a_round_has_a_file_of_its_own_and_the_attempt_stays_as_it_is(desk: Any) -> None:
    desk.write(KATA, "# mine\n")

    done = desk.run("debug", "double", "--seed", "5")

    assert (done.returncode, done.stderr) == (0, "")
    for words in (ROUND, "5 min", "one to three bugs", "seed 5", str(file(desk))):
        assert words in done.stdout
    assert done.stdout.splitlines()[-1] == "next: kata check"
    assert desk.attempt(KATA).read_text() == "# mine\n"
    assert kept(desk) == kept(desk, KATA) == []
    text = file(desk).read_text()
    assert "Twice x, plus shift." in text
    assert text != desk.right
    (event,) = desk.events()
    assert (event["kind"], event["kata"], event["seed"]) == ("started", ROUND, 5)
    assert set(event["bugs"]) <= set(TELLS)


def test_who_has_not_solved_the_kata_is_told_what_the_file_shows(desk: Any, right: str) -> None:
    assert "double is not solved yet" in desk.run("debug", "double").stdout
    desk.check(KATA, right)
    assert "not solved" not in desk.run("debug", "double", "--fresh").stdout


@pytest.mark.parametrize(("kata", "number"), [("gqa", 1), ("gae", 2), ("mla", 3)])
def test_a_planted_file_runs_and_fails(learner: Any, kata: str, number: int) -> None:
    begun = learner.run("debug", kata, "--bugs", str(number), "--seed", "3")
    found = data(learner, "check")

    assert begun.returncode == 0, begun.stderr
    assert ("one bug" if number == 1 else f"{number} bugs") in begun.stdout
    assert found["kata"].endswith(f"/{kata}.debug")
    assert found["verdict"] == "failed"
    assert {test["outcome"] for test in found["tests"]} == {"passed", "failed"}
    # what it is, is to be found
    assert found["diagnosis"] is None


def test_what_was_planted_is_all_that_is_wrong(learner: Any) -> None:
    learner.run("debug", "mla", "--bugs", "3")
    kata = load_catalog().find("mla")
    right = handout(kata.solution.read_text(), kata.stub.read_text())
    (learner.practice / "attention/mla.debug.py").write_text(right)

    assert learner.run("check").returncode == 0


def test_a_seed_plants_the_same_and_without_one_it_is_fresh(desk: Any) -> None:
    texts, seeds = [], []
    for seed in (["--seed", "8"], ["--seed", "8"], [], []):
        said = desk.run("debug", "double", "--fresh", *seed).stdout
        seeds += re.findall(r"seed (\d+)", said)
        texts.append(file(desk).read_text())

    assert texts[0] == texts[1]
    assert seeds[:2] == ["8", "8"]
    assert seeds[2] != seeds[3]


def test_a_second_one_resumes_and_overwrites_nothing(desk: Any) -> None:
    desk.run("debug", "double", "--seed", "5", "--bugs", "2")
    file(desk).write_text("# mine\n")

    for options in ([], ["--seed", "5"], ["--bugs", "2"]):
        done = desk.run("debug", "double", *options)
        assert (done.returncode, done.stderr) == (0, "")
        assert "Resumed: 0:" in done.stdout
        assert file(desk).read_text() == "# mine\n"


@pytest.mark.parametrize("options", [["--seed", "6"], ["--bugs", "1"]])
def test_other_bugs_than_the_open_round_has_need_fresh(desk: Any, options: list[str]) -> None:
    desk.run("debug", "double", "--seed", "5", "--bugs", "2")
    file(desk).write_text("# mine\n")

    done = desk.run("debug", "double", *options)

    assert (done.returncode, done.stdout) == (2, "")
    assert "--fresh" in done.stderr
    assert file(desk).read_text() == "# mine\n"
    assert desk.run("debug", "double", *options, "--fresh").returncode == 0
    assert kept(desk) == ["# mine\n"]


def test_a_file_of_no_round_goes_to_the_history(desk: Any) -> None:
    desk.write(ROUND, "# mine\n")

    assert desk.run("debug", "double").returncode == 0
    assert kept(desk) == ["# mine\n"]


def test_a_file_that_was_removed_is_planted_as_it_was(desk: Any) -> None:
    desk.run("debug", "double")
    text = file(desk).read_text()
    file(desk).unlink()

    assert desk.run("debug", "double").returncode == 0
    assert file(desk).read_text() == text


@pytest.mark.parametrize("number", ["3", "5", "1000"])
def test_more_bugs_than_go_together_are_refused(desk: Any, number: str) -> None:
    done = desk.run("debug", "double", "--bugs", number)

    assert (done.returncode, done.stdout) == (2, "")
    assert f"double has no {number} bugs that go together" in done.stderr
    assert desk.events() == []
    assert not file(desk).exists()


def test_reset_brings_the_same_bugs_back(desk: Any) -> None:
    desk.run("debug", "double")
    text, names = file(desk).read_text(), bugs(desk)
    desk.run("hint")
    file(desk).write_text("# mine\n")

    done = desk.run("reset")

    assert "clock starts again" in done.stdout
    assert file(desk).read_text() == text
    assert kept(desk) == ["# mine\n"]
    assert bugs(desk) == names
    assert "hint 2" not in desk.run("hint").stdout


# names


def test_a_round_has_a_name_that_every_command_knows(desk: Any, right: str) -> None:
    desk.run("debug", "double")
    desk.check("algebra/cube", right)

    assert data(desk, "check", "double.debug")["kata"] == ROUND
    assert data(desk, "check")["kata"] == ROUND
    assert "double.debug is paused" in desk.run("pause", "algebra/double.debug").stdout
    assert "Resumed" in desk.run("start", "double.debug").stdout
    assert "Twice x, plus shift." in desk.run("spec", "double.debug").stdout
    assert "Resumed" in desk.run("debug", "double.debug").stdout
    missing = desk.run("check", "double")
    assert missing.returncode == 2
    assert "kata check double.debug judges the debug round" in missing.stderr


def test_a_start_by_that_name_plants_if_nothing_is_there(desk: Any) -> None:
    assert "one to three bugs" in desk.run("start", "double.debug").stdout
    assert file(desk).read_text() != desk.right


@pytest.mark.parametrize("command", ["hint", "solution", "pause"])
def test_what_was_not_started_is_wrong_usage(desk: Any, command: str) -> None:
    done = desk.run(command, "double.debug")

    assert (done.returncode, done.stdout) == (2, "")
    assert "double.debug is not started" in done.stderr
    assert desk.events() == []


def test_a_sweep_over_all_attempts_leaves_debug_rounds_out(desk: Any, right: str) -> None:
    desk.write(KATA, right)
    desk.run("debug", "double")

    assert [found["kata"] for found in data(desk, "check", "--all")] == [KATA]


# what is counted


def test_a_pass_tells_the_bugs_and_ends_the_round(desk: Any) -> None:
    desk.run("debug", "double", "--bugs", "2")
    names = bugs(desk)
    assert desk.run("check").returncode == 1
    desk.run("hint")
    fix(desk)

    done = desk.run("check")

    assert done.returncode == 0
    assert "Fixed in 0:" in done.stdout
    assert "with 1 of 3 hints" in done.stdout
    assert "The 2 bugs were:" in done.stdout
    for name, tell in TELLS.items():
        assert (tell in done.stdout) == (name in names)
    for words in ("An interviewer would ask", "kata debug double", "next: kata next"):
        assert words in done.stdout


def test_debug_rounds_are_counted_apart(desk: Any, right: str) -> None:
    for number in (1, 2):
        desk.run("debug", "double", "--bugs", str(number))
        fix(desk)
        assert desk.run("check").returncode == 0
    found = data(desk, "dashboard")
    listed = data(desk, "list")

    assert (found["solved"], found["best"], found["checks"]) == (0, [], 2)
    assert (found["debug"]["fixed"], found["debug"]["bugs"]) == (2, 3)
    assert [best["kata"] for best in found["debug"]["best"]] == [ROUND]
    assert listed[0]["status"] == "new"
    assert len(kept(desk)) == 1

    desk.check(KATA, right)
    after = data(desk, "dashboard")
    assert (after["solved"], after["debug"]) == (1, found["debug"])


@pytest.mark.parametrize("columns", ["80", "120"])
def test_the_dashboard_shows_them_in_a_panel_of_their_own(desk: Any, columns: str) -> None:
    desk.env["COLUMNS"] = columns
    assert "debug rounds" not in desk.run("dashboard").stdout
    desk.run("debug", "double", "--bugs", "2")
    assert "kata check double.debug" in desk.run("dashboard").stdout
    fix(desk)
    desk.run("check")

    said = desk.run("dashboard").stdout

    assert "╭─ debug rounds ─" in said
    assert "2 bugs found in 1 round" in said
    assert max(map(len, said.splitlines())) <= int(columns)


def test_after_the_end_another_one_plants_anew_and_keeps_the_file(desk: Any) -> None:
    desk.run("debug", "double")
    fix(desk)
    desk.run("check")
    # start looks at what is there; debug asks for more
    assert "Resumed" in desk.run("start", "double.debug").stdout
    assert file(desk).read_text() == desk.right

    assert "Resumed" not in desk.run("debug", "double").stdout
    assert kept(desk) == [desk.right]
    assert file(desk).read_text() != desk.right


def test_a_progress_file_without_any_round_goes_on(desk: Any, right: str) -> None:
    desk.run("start", "double")
    desk.check(KATA, right)
    with closing(sqlite3.connect(desk.database)) as db:
        before = db.execute("select * from events").fetchall()

    desk.run("debug", "double")

    with closing(sqlite3.connect(desk.database)) as db:
        after = db.execute("select * from events").fetchall()
    assert after[:-1] == before
    assert data(desk, "list")[0]["status"] == "solved"


# help


def test_hints_come_closer_and_each_is_counted_once(desk: Any) -> None:
    desk.run("debug", "double", "--bugs", "1")
    (name,) = bugs(desk)
    lines = file(desk).read_text().splitlines()
    (row,) = [n for n, line in enumerate(lines, start=1) if line not in desk.right.splitlines()]
    claim = "Doubles" if name in ("halves", "squares") else "Adds the shift"

    said = [desk.run("hint").stdout for _ in range(4)]
    left = desk.run("check").stdout

    assert f"hint 1 of 3: 1 bug is planted. It breaks this claim: {claim}." in said[0]
    assert "hint 2 of 3: Look at double, line" in said[1]
    assert f"hint 3 of 3: Look at line {row}." in said[2]
    assert "hint 2 of 3" not in said[0]
    assert said[3] == said[2]
    assert [event["kind"] for event in desk.events()].count("hinted") == 3
    assert "all three again" in left
    # nothing of it is told unasked
    assert not any(tell in "".join(said) + left for tell in TELLS.values())


def test_hints_of_the_kata_itself_are_others(desk: Any) -> None:
    desk.run("debug", "double")

    assert "Multiply." in desk.run("hint", "double").stdout
    assert "planted" in desk.run("hint", "double.debug").stdout


def test_the_solution_is_the_difference_with_the_tells_and_gives_up(desk: Any) -> None:
    desk.run("debug", "double", "--bugs", "2")
    names = bugs(desk)
    refused = desk.run("solution")
    done = desk.run("solution", "--yes")
    fix(desk)
    passed = desk.run("check").stdout

    assert refused.returncode == 2
    assert "--yes" in refused.stderr
    assert done.returncode == 0
    assert "+    return x * 2.0 + shift" in done.stdout
    assert "-    return" in done.stdout
    for name in names:
        assert TELLS[name] in done.stdout
    assert "Without multiplying?" in done.stdout
    assert [event["kind"] for event in desk.events()].count("gave_up") == 1
    assert "Fixed in" not in passed
    assert data(desk, "dashboard")["debug"] == {"fixed": 0, "bugs": 0, "best": []}
    # the kata itself was not given up
    assert data(desk, "list")[0]["status"] == "new"


def test_the_shell_completes_the_name_of_a_round(desk: Any) -> None:
    words = "kata check double."
    desk.env |= {"_KATA_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": "2"}

    assert desk.run().stdout.split() == ["double.debug"]


def test_watch_judges_the_round_and_knows_its_keys(desk: Any, sit: Any) -> None:
    desk.run("debug", "double", "--bugs", "1")

    child = sit(desk, "watch", columns=100)
    child.expect("[01] of 2 claims hold")
    child.send("h")
    child.expect("1 bug is planted")
    fix(desk)
    child.expect("2 of 2 claims hold")
    child.send("q")
    child.expect(pexpect.EOF)
    child.close()

    assert child.exitstatus == 0
    assert {event["kata"] for event in desk.events()} == {ROUND}
    assert data(desk, "dashboard")["debug"]["fixed"] == 1
