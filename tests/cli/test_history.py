"""history, diff, restore: every text that a person had is within reach, and comes back."""

import json
import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pexpect
import pytest
from rich.cells import cell_len
from rich.text import Text

KATA = "algebra/double"
ROUND = "algebra/double.debug"


def broken(word: str) -> str:
    """An attempt that is judged by a look at it."""
    return f"def double(:\n    '''{word}'''\n"


def attempts(desk: Any, name: str = "double") -> list[dict[str, Any]]:
    found = json.loads(desk.run("history", name, "--json").stdout)["attempts"]
    assert [one["number"] for one in found] == list(range(1, len(found) + 1))
    return list(found)


def texts(desk: Any, name: str = "double") -> list[str]:
    """What each attempt says, as a pipe gets it."""
    return [
        desk.run("history", name, str(number)).stdout
        for number in range(1, len(attempts(desk, name)) + 1)
    ]


def kept(desk: Any, kata: str = KATA) -> list[str]:
    folder = desk.practice / ".kata" / "history" / kata
    return [path.read_text() for path in sorted(folder.glob("*.py"))]


def snapshot(desk: Any) -> dict[str, bytes]:
    return {
        str(path.relative_to(desk.practice)): path.read_bytes()
        for path in desk.practice.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def desk(desk: Any) -> Any:
    """Someone whose checks start afresh: most of these attempts are judged by a look."""
    desk.env["KATA_COLD"] = "1"
    return desk


@pytest.fixture(scope="module")
def two_rounds(
    trifles: Any, right: str, wrong: str, tmp_path_factory: pytest.TempPathFactory
) -> Any:
    """Three rounds: broken, wrong twice, right; then one never checked; then given up."""
    desk = trifles.learner(tmp_path_factory.mktemp("busy"))
    desk.run("start", "double")
    desk.check(KATA, broken("one"))
    desk.check(KATA, wrong)
    desk.check(KATA)
    desk.check(KATA, right)
    desk.run("start", "double", "--fresh")
    desk.write(KATA, "# never checked\n")
    desk.run("reset", "double")
    desk.run("solution", "double", "--yes")
    desk.write(KATA, "# as it is now\n")
    return desk


@pytest.fixture
def busy(two_rounds: Any, desk: Any) -> Any:
    """Someone who has been through these rounds."""
    shutil.copytree(two_rounds.practice, desk.practice, dirs_exist_ok=True)
    return desk


# history


def test_every_text_is_listed_once_in_time(busy: Any, right: str, wrong: str) -> None:
    assert texts(busy) == [broken("one"), wrong, right, "# never checked\n"]
    found = attempts(busy)
    assert [one["verdict"] for one in found] == ["error", "failed", "passed", None]
    assert [one["checks"] for one in found] == [1, 2, 1, 0]
    assert [(one["held"], one["total"]) for one in found[1:3]] == [(0, 2), (2, 2)]
    assert [one["round"] for one in found[:3]] == [1, 1, 1]
    assert found[0]["seconds"] <= found[1]["seconds"] <= found[2]["seconds"]


def test_rounds_are_marked_where_they_begin_and_end(busy: Any) -> None:
    said = busy.run("history", "double").stdout
    data = json.loads(busy.run("history", "double", "--json").stdout)

    assert re.findall(r"^round (\d), began \d{4}-\d\d-\d\d", said, re.MULTILINE) == ["1", "2", "3"]
    order = ["round 1", "failed", "passed", "solved after", "round 2", "round 3", "given up after"]
    places = [said.index(words) for words in order]
    assert places == sorted(places)
    assert "2 checks" in said
    assert "not checked" in said
    assert f"{busy.attempt(KATA)} is not checked yet" in said
    for command in ("kata history double 4", "kata diff double", "kata restore double 4"):
        assert f"next: {command}" in said
    ends = [(this["solved"], this["given_up"]) for this in data["rounds"]]
    assert ends == [(True, False), (False, False), (False, True)]
    assert data["same_as"] is None


def test_the_mistake_that_was_diagnosed_is_told(desk: Any, right: str) -> None:
    desk.check(KATA, right.replace("x * 2.0", "x * x"))

    assert attempts(desk)[0]["mistakes"] == ["squares"]
    assert "squares" in desk.run("history", "double").stdout


def test_a_round_of_debugging_has_its_own_history(desk: Any) -> None:
    desk.run("debug", "double", "--seed", "5", "--bugs", "1")
    planted = desk.attempt(ROUND).read_text()
    desk.check(ROUND, broken("debugging"))
    desk.write(ROUND, "# never checked\n")
    desk.run("debug", "double", "--fresh")

    assert texts(desk, "double.debug") == [broken("debugging"), "# never checked\n"]
    assert attempts(desk) == []
    assert desk.run("diff", "double.debug", "0", "1").stdout.startswith("--- the file as it was")
    assert "kata debug halve" in desk.run("history", "halve.debug").stdout
    assert planted not in texts(desk, "double.debug"), "nobody wrote that"


def test_a_check_without_a_start_has_no_clock(desk: Any) -> None:
    desk.check(KATA, broken("unasked"))

    (one,) = attempts(desk)
    assert (one["seconds"], one["round"]) == (None, 1)


def test_a_file_from_elsewhere_is_named(desk: Any) -> None:
    other = desk.folder / "mine.py"
    other.write_text(broken("elsewhere"))
    desk.run("check", "double", "--file", str(other))

    assert attempts(desk)[0]["file"] == str(other)
    assert texts(desk) == [broken("elsewhere")]
    assert f"{desk.attempt(KATA)} is not there now" in desk.run("history", "double").stdout


@pytest.mark.parametrize(
    "name", ["double.sync-conflict-20261120-101112-ABCDEFG.py", "double (conflicted copy).py"]
)
def test_a_copy_of_the_attempt_that_a_sync_tool_left_is_listed(desk: Any, name: str) -> None:
    desk.check(KATA, broken("mine"))
    desk.attempt(KATA).with_name(name).write_text("# on the other machine\n")

    assert sorted(texts(desk)) == ["# on the other machine\n", broken("mine")]
    assert name in desk.run("history", "double").stdout


def test_nothing_yet_says_how_to_begin(desk: Any) -> None:
    done = desk.run("history", "double")

    assert (done.returncode, done.stderr) == (0, "")
    assert "next: kata start double" in done.stdout
    assert not desk.database.exists()


@pytest.mark.parametrize("command", ["history", "restore", "diff"])
def test_a_number_that_is_not_there_is_told_with_those_that_are(busy: Any, command: str) -> None:
    before = snapshot(busy)

    done = busy.run(command, "double", "7")

    assert (done.returncode, done.stdout) == (2, "")
    assert "double has 4 attempts, there is no 7: kata history double" in done.stderr
    assert snapshot(busy) == before


def test_an_attempt_whose_text_is_gone_is_listed_all_the_same(desk: Any) -> None:
    desk.check(KATA, broken("gone"))
    with closing(sqlite3.connect(desk.database)) as db, db:
        db.execute("delete from sources")

    assert len(attempts(desk)) == 1
    done = desk.run("history", "double", "1")
    assert (done.returncode, done.stdout) == (2, "")
    assert "was not kept" in done.stderr


@pytest.mark.parametrize("columns", [80, 120, 200])
def test_it_fits_the_terminal(busy: Any, sit: Any, columns: int) -> None:
    busy.write(KATA, "# 注意 " * 60)
    busy.check(KATA)
    for command in (["history", "double"], ["history", "double", "5"], ["diff", "double"]):
        child = sit(busy, *command, columns=columns)
        child.expect(pexpect.EOF)
        lines = Text.from_ansi(child.before.replace("\r\n", "\n")).plain.splitlines()

        assert "\x1b[" in child.before, "no colours"
        assert 20 < max(map(cell_len, lines)) <= columns
        if command[0] == "history" and len(command) == 2:
            assert not [line for line in lines if line.startswith(" " * 20) and line.strip()]


def test_what_an_attempt_holds_does_no_harm_to_a_terminal(desk: Any, sit: Any) -> None:
    desk.check(KATA, "# \x1b]0;owned\x07 \x1b[2J\ndef f(:\n")

    child = sit(desk, "history", "double", "1")
    child.expect(pexpect.EOF)

    assert "owned" not in child.before
    assert "\x1b[2J" not in child.before


# diff


def diff(desk: Any, *args: str) -> list[str]:
    """The names, and the lines that changed."""
    done = desk.run("diff", "double", *args)
    assert (done.returncode, done.stderr) == (0, "")
    return [line for line in done.stdout.splitlines() if line[:1] in "+-" and line[1:]]


def test_two_attempts_are_compared(busy: Any) -> None:
    old, new, *changed = diff(busy, "2", "3")

    assert old.startswith("--- attempt 2, ")
    assert new.startswith("+++ attempt 3, ")
    assert changed == ["-    return x * 3.0 + shift", "+    return x * 2.0 + shift"]
    backwards = diff(busy, "3", "2")
    assert backwards[2:] == ["-    return x * 2.0 + shift", "+    return x * 3.0 + shift"]


def test_one_attempt_is_compared_with_the_one_before_it(busy: Any) -> None:
    assert diff(busy, "3") == diff(busy, "2", "3")
    assert diff(busy, "1")[0] == "--- the stub"
    assert diff(busy, "1") == diff(busy, "0", "1")


def test_the_file_is_compared_with_the_latest_attempt(busy: Any) -> None:
    old, new, *changed = diff(busy)

    assert old.startswith("--- attempt 4, ")
    assert new == "+++ double.py as it is now"
    assert changed == ["-# never checked", "+# as it is now"]


def test_a_file_that_is_judged_is_compared_with_the_attempt_before(desk: Any) -> None:
    desk.check(KATA, broken("one"))
    desk.check(KATA, broken("two"))

    assert diff(desk)[2:] == ["-    '''one'''", "+    '''two'''"]
    assert "which is attempt 2" in diff(desk)[1]


def test_what_is_the_same_is_said_to_be(desk: Any) -> None:
    desk.check(KATA, broken("one"))
    desk.check(KATA, broken("one").replace("\n", "\r\n"))

    assert "are the same" in desk.run("diff", "double", "1", "1").stdout
    assert "differ in the ends of lines only" in desk.run("diff", "double", "1", "2").stdout


@pytest.mark.parametrize("name", ["double", "double.debug"])
def test_the_solution_is_not_shown_before_a_pass(desk: Any, name: str) -> None:
    desk.run("debug" if "." in name else "start", "double")
    events = desk.events()

    done = desk.run("diff", name, "--solution")

    assert (done.returncode, done.stdout) == (2, "")
    assert f"kata solution {name}" in done.stderr
    assert desk.events() == events


def test_after_a_pass_the_solution_is_compared(desk: Any, right: str) -> None:
    desk.run("start", "double")
    desk.check(KATA, right.replace("x * 2.0 + shift", "x + x + shift"))

    _, new, *changed = diff(desk, "--solution")

    assert new == "+++ the solution"
    assert "+    return x * 2.0 + shift" in changed
    assert "-    return x + x + shift" in changed
    # an attempt has the stub's docstrings, and so has the solution here
    assert not [line for line in changed if "Multiply, then add" in line and line[0] == "+"]
    assert diff(desk, "1", "--solution")[2:] == changed
    assert desk.run("diff", "double", "1", "1", "--solution").returncode == 2


def test_after_giving_up_too(busy: Any) -> None:
    assert diff(busy, "--solution")[1] == "+++ the solution"


# restore


def test_an_attempt_comes_back_and_the_file_that_was_there_is_kept(busy: Any, wrong: str) -> None:
    events = busy.events()

    done = busy.run("restore", "double", "2")

    assert (done.returncode, done.stderr) == (0, "")
    assert busy.attempt(KATA).read_text() == wrong
    assert "# as it is now\n" in kept(busy)
    assert "next: kata check double" in done.stdout
    assert busy.events() == events, "it starts no clock"
    assert "# as it is now\n" in texts(busy)


def test_to_restore_what_is_there_changes_nothing(desk: Any) -> None:
    desk.check(KATA, broken("same"))
    before = snapshot(desk)

    done = desk.run("restore", "double", "1")

    assert done.returncode == 0
    assert "is attempt 1 already" in done.stdout
    assert snapshot(desk) == before


def test_a_file_that_was_removed_comes_back(desk: Any) -> None:
    desk.check(KATA, broken("removed"))
    desk.attempt(KATA).unlink()

    assert desk.run("restore", "double", "1").returncode == 0
    assert desk.attempt(KATA).read_text() == broken("removed")
    assert kept(desk) == []


def test_a_file_of_the_history_comes_back_byte_for_byte(desk: Any) -> None:
    data = b"# \xff\xfe not UTF-8\r\n# caf\xc3\xa9"
    desk.run("start", "double")
    desk.attempt(KATA).write_bytes(data)
    desk.run("reset", "double")

    assert desk.run("restore", "double", "1").returncode == 0
    assert desk.attempt(KATA).read_bytes() == data


@pytest.mark.parametrize(
    ("before", "words"),
    [
        ([["start", "double"]], "The clock runs on, at 0:"),
        ([["start", "double"], ["pause"]], "The clock is paused at 0:"),
        ([["solution", "double", "--yes"]], "No clock runs"),
        ([["start", "double"], ["solution", "double", "--yes"]], "The round is over"),
    ],
)
def test_the_clock_stays_as_it_is_and_that_is_said(
    desk: Any, before: list[list[str]], words: str
) -> None:
    other = desk.folder / "mine.py"
    other.write_text(broken("mine"))
    for command in before[:1]:
        desk.run(*command)
    desk.run("check", "double", "--file", str(other))
    for command in before[1:]:
        desk.run(*command)

    assert words in desk.run("restore", "double", "1").stdout


def test_an_attempt_at_other_bugs_is_said_to_be_that(desk: Any) -> None:
    desk.run("debug", "double", "--seed", "5")
    desk.check(ROUND, broken("first"))
    desk.run("debug", "double", "--fresh")

    done = desk.run("restore", "double.debug", "1")

    assert "It is of round 1, with other bugs than those of round 2" in " ".join(
        done.stdout.split()
    )
    assert desk.attempt(ROUND).read_text() == broken("first")


def test_restoring_to_and_fro_loses_nothing(busy: Any) -> None:
    written = {*texts(busy), "# as it is now\n"}
    for number in (1, 4, 3, 2, 5, 1):
        assert busy.run("restore", "double", str(number)).returncode == 0

    assert set(texts(busy)) == written
    assert len(texts(busy)) == len(written), "something is listed twice"


def test_history_and_diff_need_a_name(desk: Any) -> None:
    for command in ("history", "diff", "restore", "notes"):
        assert desk.run(command).returncode == 2


def test_their_files_are_where_the_help_says(desk: Any) -> None:
    said = " ".join(desk.run("restore", "--help").stdout.split())

    assert "The clock and the round stay as they are" in said
    assert "Example: kata restore gqa 3" in said
    assert Path(desk.folder / "practice").exists()
