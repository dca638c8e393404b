"""start, reset, next, pause: where files go, and what is kept."""

import sys
from pathlib import Path
from typing import Any

import pytest

KATA = "algebra/double"


def kinds(desk: Any) -> list[str]:
    return [event["kind"] for event in desk.events()]


def kept(desk: Any) -> list[str]:
    """The texts in the history, the oldest first."""
    history = desk.practice / ".kata" / "history"
    return [path.read_text() for path in sorted(history.glob("algebra/double/*.py"))]


def test_a_start_copies_the_stub_and_shows_the_spec(desk: Any, trifles: Any) -> None:
    done = desk.run("start", "double")

    assert (done.returncode, done.stderr) == (0, "")
    assert desk.attempt(KATA).read_text() == trifles.STUB
    for words in ("algebra/double", "Doubling", "5 min", "def double(", "Twice x", "Not allowed:"):
        assert words in done.stdout
    assert str(desk.attempt(KATA)) in done.stdout
    assert done.stdout.splitlines()[-1] == "next: kata check"
    assert kinds(desk) == ["started"]


def test_a_second_start_resumes_and_never_overwrites(desk: Any) -> None:
    desk.run("start", "double")
    desk.write(KATA, "# mine\n")

    done = desk.run("start", "double")

    assert done.returncode == 0
    assert desk.attempt(KATA).read_text() == "# mine\n"
    assert "Resumed" in done.stdout
    assert kept(desk) == []


def test_a_file_that_was_there_before_any_start_is_not_overwritten(desk: Any) -> None:
    desk.write(KATA, "# mine\n")

    assert desk.run("start", "double").returncode == 0
    assert desk.attempt(KATA).read_text() == "# mine\n"


@pytest.mark.parametrize("command", [["start", "double", "--fresh"], ["reset", "double"]])
def test_a_fresh_start_keeps_each_old_file_in_the_history(
    desk: Any, trifles: Any, command: list[str]
) -> None:
    for text in ("# first\n", "# second\n", "# third\n"):
        desk.write(KATA, text)
        done = desk.run(*command)

        assert (done.returncode, done.stderr) == (0, "")
        assert desk.attempt(KATA).read_text() == trifles.STUB
        folder = desk.practice / ".kata" / "history" / "algebra" / "double"
        assert str(folder) in done.stdout
    assert sorted(kept(desk)) == ["# first\n", "# second\n", "# third\n"]


@pytest.mark.parametrize("command", [["start", "double", "--fresh"], ["reset", "double"]])
def test_a_fresh_start_of_what_is_not_there_is_a_start(
    desk: Any, trifles: Any, command: list[str]
) -> None:
    assert desk.run(*command).returncode == 0
    assert desk.attempt(KATA).read_text() == trifles.STUB
    assert kept(desk) == []


def test_a_fresh_start_begins_a_new_clock_and_new_hints(desk: Any) -> None:
    desk.run("start", "double")
    desk.run("hint")
    desk.run("hint")
    desk.run("start", "double", "--fresh")

    said = desk.run("hint").stdout
    assert "hint 1 of 3" in said
    assert "hint 2 of 3" not in said


@pytest.fixture
def editor(desk: Any) -> str:
    """An editor that writes down what it was called with."""
    script = desk.folder / "my editor.py"
    log = desk.folder / "edited"
    script.write_text(
        f"import sys, pathlib\npathlib.Path({str(log)!r}).write_text('|'.join(sys.argv[1:]))"
    )
    return f"{sys.executable} '{script}' --wait"


@pytest.mark.parametrize("variable", ["EDITOR", "VISUAL"])
def test_edit_opens_the_attempt_in_the_editor(desk: Any, editor: str, variable: str) -> None:
    desk.env |= {"EDITOR": "nothing-of-the-kind", variable: editor}

    done = desk.run("start", "double", "--edit")

    assert done.returncode == 0, done.stderr
    assert (desk.folder / "edited").read_text() == f"--wait|{desk.attempt(KATA)}"


@pytest.mark.parametrize(
    ("editor", "words"),
    [("", "$EDITOR is not set"), ("nothing-of-the-kind", "nothing-of-the-kind")],
)
def test_an_editor_that_is_not_there_is_told_and_the_kata_is_started(
    desk: Any, editor: str, words: str
) -> None:
    desk.env |= {"EDITOR": editor, "VISUAL": ""}

    done = desk.run("start", "double", "--edit")

    assert done.returncode == 2
    assert words in done.stderr
    assert desk.attempt(KATA).exists()


@pytest.mark.parametrize("name", ["double", "algebra/double", "DOUBLE", "double.py"])
def test_a_kata_has_several_names(desk: Any, name: str) -> None:
    assert desk.run("start", name).returncode == 0
    assert desk.attempt(KATA).exists()


# the practice folder


def test_without_a_practice_folder_one_is_made_here(desk: Any) -> None:
    desk.practice.rmdir()

    assert desk.run("start", "double").returncode == 0
    assert desk.attempt(KATA).exists()
    assert desk.database.exists()


def test_looking_makes_no_folder(desk: Any) -> None:
    desk.practice.rmdir()

    for command in (["list"], ["dashboard"], ["spec", "double"], ["next", "--help"]):
        assert desk.run(*command).returncode == 0
    assert list(desk.folder.iterdir()) == []


def test_the_nearest_practice_folder_above_is_used(desk: Any) -> None:
    home = desk.folder
    desk.folder = home / "a" / "b"
    desk.folder.mkdir(parents=True)

    assert desk.run("start", "double").returncode == 0
    assert (home / "practice" / "algebra" / "double.py").exists()
    assert list(desk.folder.iterdir()) == []

    (home / "a" / "practice").mkdir()
    desk.run("start", "double")
    assert (home / "a" / "practice" / "algebra" / "double.py").exists()


def test_inside_the_practice_folder_it_is_the_practice_folder(desk: Any) -> None:
    desk.run("start", "double")
    home = desk.folder
    desk.folder = home / "practice" / "algebra"

    assert desk.run("start", "cube").returncode == 0
    assert (home / "practice" / "algebra" / "cube.py").exists()


def test_the_environment_names_another_practice_folder(desk: Any, tmp_path: Path) -> None:
    other = tmp_path / "else where"
    desk.env["KATA_PRACTICE"] = str(other)

    assert desk.run("start", "double").returncode == 0
    assert (other / "algebra" / "double.py").exists()
    assert (other / ".kata" / "progress.db").exists()
    assert list(desk.practice.iterdir()) == []

    desk.env |= {"KATA_PRACTICE": "~/katas", "HOME": str(tmp_path / "home")}
    assert desk.run("start", "double").returncode == 0
    assert (tmp_path / "home" / "katas" / "algebra" / "double.py").exists()

    # relative to where one is
    desk.env["KATA_PRACTICE"] = "mine"
    assert desk.run("start", "double").returncode == 0
    assert (desk.folder / "mine" / "algebra" / "double.py").exists()


# next, pause


def test_next_goes_along_the_track_and_waits_for_what_a_kata_needs(desk: Any, right: str) -> None:
    assert desk.run("next").returncode == 0
    assert desk.attempt("algebra/double").exists()

    # halving needs doubling, which is not solved yet
    desk.run("next")
    assert desk.attempt("algebra/cube").exists()
    assert not desk.attempt("algebra/halve").exists()

    assert desk.check("double", None, "--file", str(write(desk, right))).verdict == "passed"
    desk.run("next")
    assert desk.attempt("algebra/halve").exists()


def write(desk: Any, text: str) -> Path:
    path: Path = desk.folder / "elsewhere.py"
    path.write_text(text)
    return path


def test_next_says_when_all_is_solved(desk: Any, right: str) -> None:
    path = str(write(desk, right))
    for kata in ("double", "halve", "cube"):
        assert desk.check(kata, None, "--file", path).verdict == "passed"
    desk.run("solution", "abacus", "--yes")

    done = desk.run("next")

    assert done.returncode == 0
    assert "Every kata is solved" in done.stdout


def test_next_opens_the_editor(desk: Any, editor: str) -> None:
    desk.env |= {"EDITOR": editor, "VISUAL": ""}

    assert desk.run("next", "--edit").returncode == 0
    assert (desk.folder / "edited").read_text() == f"--wait|{desk.attempt(KATA)}"


def test_pause_stops_the_clock_and_is_a_fact(desk: Any) -> None:
    desk.run("start", "double")

    done = desk.run("pause")

    assert done.returncode == 0
    assert "double is paused at 0:" in done.stdout
    assert "kata start double" in done.stdout
    assert kinds(desk) == ["started", "paused"]


def test_pause_of_what_was_not_started_is_wrong_usage(desk: Any) -> None:
    done = desk.run("pause", "double")

    assert (done.returncode, done.stdout) == (2, "")
    assert "kata start double" in done.stderr
    assert kinds(desk) == []
