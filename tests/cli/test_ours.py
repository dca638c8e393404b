"""What is our fault is exit 3 with words, and costs the learner nothing."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="module")
def broken(new_project: Callable[[], Any], line: Callable[..., str]) -> Any:
    """Katas whose files are missing or do not load."""
    project = new_project()
    slugs = ("nostub", "nocard", "badcard", "badtests", "badsolution", "sound")
    project.track("t", *(line(slug) for slug in slugs))
    project.kata("t/nostub", stub=None)
    project.kata("t/nocard", card=None)
    project.kata("t/badcard", card="hints = [")
    project.kata("t/badtests", tests="import nonsuch\n")
    project.kata("t/badsolution", solution="import nonsuch\n")
    project.kata("t/sound")
    return project


@pytest.fixture
def desk(broken: Any, tmp_path: Path) -> Any:
    return broken.learner(tmp_path)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["start", "nostub"], ["katas/t/nostub.py"]),
        (["check", "nostub"], ["katas/t/nostub.py"]),
        (["check", "nocard"], ["solutions/t/nocard.toml", "missing"]),
        (["hint", "badcard"], ["solutions/t/badcard.toml", "Invalid value"]),
        (["check", "badcard"], ["solutions/t/badcard.toml", "Invalid value"]),
        (["check", "badtests"], ["do not load", "nonsuch", "kata doctor"]),
        (["check", "badtests", "--json"], ["do not load", "nonsuch", "kata doctor"]),
        (["check", "badsolution"], ["do not load", "nonsuch", "kata doctor"]),
    ],
)
def test_content_that_is_broken_is_exit_3_with_the_file_and_nothing_recorded(
    desk: Any, broken: Any, args: list[str], words: list[str]
) -> None:
    attempt = None
    if args[0] == "check":
        attempt = desk.write(f"t/{args[1]}", broken.SOLUTION)

    done = desk.run(*args)

    assert (done.returncode, done.stdout) == (3, "")
    for word in words:
        assert word in done.stderr
    assert "Traceback (most" not in done.stderr
    assert desk.events() == []
    if attempt:
        assert attempt.read_text() == broken.SOLUTION
    else:
        assert not desk.attempt(f"t/{args[1]}").exists(), "an empty attempt"


def test_other_katas_go_on(desk: Any, broken: Any) -> None:
    assert len(json.loads(desk.run("list", "--json").stdout)) == 6
    assert desk.run("dashboard").returncode == 0
    assert desk.run("start", "sound").returncode == 0


def test_the_traceback_is_there_for_who_asks(desk: Any) -> None:
    words = desk.run("start", "nostub").stderr
    desk.env["KATA_DEBUG"] = "1"
    traceback = desk.run("start", "nostub").stderr

    assert "KATA_DEBUG=1" in words
    assert "Traceback (most recent call last)" in traceback


def test_without_any_kata_the_words_say_to_reinstall(
    new_project: Callable[[], Any], tmp_path: Path
) -> None:
    done = new_project().learner(tmp_path).run("list")

    assert done.returncode == 3
    assert "no katas under" in done.stderr
    assert "reinstall" in done.stderr
