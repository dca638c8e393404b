"""A person's own notes: written in their editor, shown after a pass, never written over."""

from pathlib import Path
from typing import Any

import pexpect
import pytest
from rich.cells import cell_len
from rich.text import Text

KATA = "algebra/double"
HEADING = "# Doubling (algebra/double)\n\n"
NOTES = "# Doubling\n\n- add it to **itself**\n- `x + x`\n\n| a | b |\n|---|---|\n| 1 | 漢字 |\n"


@pytest.fixture
def notes(desk: Any) -> Path:
    """Where they lie; not written yet."""
    return Path(desk.practice / "algebra" / "double.md")


@pytest.fixture
def editor(desk: Any) -> Path:
    """An editor that adds a line; what it was called with is in the file."""
    log = desk.folder / "edited"
    script = desk.folder / "editor.sh"
    script.write_text(f'#!/bin/sh\necho "$@" >> {log}\necho "a line" >> "$1"\n')
    script.chmod(0o755)
    desk.env["EDITOR"] = str(script)
    return Path(log)


def written(notes: Path, text: str) -> None:
    notes.parent.mkdir(parents=True, exist_ok=True)
    notes.write_text(text, encoding="utf-8")


def shown(child: "pexpect.spawn[str]") -> str:
    child.expect(pexpect.EOF)
    child.close()
    return Text.from_ansi(child.before.replace("\r\n", "\n")).plain


@pytest.mark.parametrize("name", ["double", "double.debug"])
def test_the_editor_gets_a_file_with_a_heading(
    desk: Any, sit: Any, notes: Path, editor: Path, name: str
) -> None:
    said = shown(sit(desk, "notes", name))

    assert editor.read_text().split() == [str(notes)]
    assert notes.read_text() == f"{HEADING}a line\n"
    assert "shown after a pass" in " ".join(said.split())
    assert desk.events() == []


def test_notes_that_are_there_are_opened_as_they_are(
    desk: Any, sit: Any, notes: Path, editor: Path
) -> None:
    written(notes, "mine")

    shown(sit(desk, "notes", "double"))

    assert notes.read_text() == "minea line\n"


def test_without_a_terminal_they_are_printed_as_they_were_written(
    desk: Any, notes: Path, editor: Path
) -> None:
    written(notes, NOTES)

    done = desk.run("notes", "double")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(NOTES.strip())
    assert f"in {notes}" in done.stdout
    assert not editor.exists()


def test_without_an_editor_it_says_where_they_would_lie(desk: Any, sit: Any, notes: Path) -> None:
    said = shown(sit(desk, "notes", "double", EDITOR="", VISUAL="", columns=300))

    assert str(notes) in said
    assert "$EDITOR" in said
    assert not notes.exists()


@pytest.mark.parametrize("columns", [80, 120, 200])
def test_show_renders_them_for_a_terminal(
    desk: Any, sit: Any, notes: Path, editor: Path, columns: int
) -> None:
    written(notes, NOTES)

    said = shown(sit(desk, "notes", "double", "--show", columns=columns))

    assert "**" not in said
    assert "add it to itself" in said
    assert max(cell_len(line.rstrip()) for line in said.splitlines()) <= min(columns, 100)
    assert not editor.exists()


def test_an_editor_that_does_not_start_is_told(desk: Any, sit: Any, notes: Path) -> None:
    child = sit(desk, "notes", "double", EDITOR="/nowhere/vi", columns=200)

    assert "does not start" in shown(child)
    assert child.exitstatus == 2


def test_they_are_shown_after_a_pass_and_only_then(
    desk: Any, notes: Path, right: str, wrong: str
) -> None:
    written(notes, NOTES)
    desk.write(KATA, wrong)
    failed = desk.run("check", "double").stdout
    desk.write(KATA, right)
    passed = desk.run("check", "double").stdout

    assert "itself" not in failed
    assert passed.index("claims hold") < passed.index("Your notes") < passed.index("itself")
    assert passed.index("itself") < passed.index("next:")
    assert "itself" not in desk.run("check", "double", "--json").stdout


@pytest.mark.parametrize("text", [None, "", HEADING])
def test_what_has_no_notes_yet_shows_none(
    desk: Any, notes: Path, right: str, text: str | None
) -> None:
    if text is not None:
        written(notes, text)
    desk.write(KATA, right)

    assert "Your notes" not in desk.run("check", "double").stdout


def test_long_notes_are_cut_after_a_check_and_whole_with_show(
    desk: Any, notes: Path, right: str
) -> None:
    written(notes, "".join(f"line {number}.\n" for number in range(300)))
    desk.write(KATA, right)

    checked = desk.run("check", "double").stdout

    assert "line 3." in checked
    assert "line 40." not in checked
    assert "284 more lines: kata notes double --show" in checked
    assert "line 299." in desk.run("notes", "double", "--show").stdout


def test_a_reset_leaves_them(desk: Any, notes: Path) -> None:
    written(notes, NOTES)
    desk.run("start", "double")
    desk.run("reset", "double")
    desk.run("start", "double", "--fresh")

    assert notes.read_text() == NOTES


def test_they_harm_no_terminal(desk: Any, sit: Any, notes: Path) -> None:
    written(notes, "# a\n\n\x1b]0;owned\x07 \x1b[2J b\n")

    child = sit(desk, "notes", "double", "--show")
    child.expect(pexpect.EOF)

    assert "owned" not in child.before
    assert "\x1b[2J" not in child.before


def test_watch_shows_them_after_a_pass(desk: Any, sit: Any, notes: Path, right: str) -> None:
    written(notes, "Add it to itself.\n")
    desk.write(KATA, right)

    child = sit(desk, "watch", "double", columns=120)
    child.expect("Add it to itself")
    child.send("q")
    child.expect(pexpect.EOF)
