"""Completion by the shell, help, version, doctor, and the warm judge's command."""

import json
import subprocess
from typing import Any

import pytest

ROWS = ("Python", "katas", "practice", "torch", "GPU", "Triton", "limits", "ranks")


def complete(learner: Any, words: str) -> list[str]:
    """What bash would offer after these words."""
    learner.env |= {
        "_KATA_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
    }
    done = learner.run()
    for name in ("_KATA_COMPLETE", "COMP_WORDS", "COMP_CWORD"):
        del learner.env[name]
    assert done.stderr == ""
    return sorted(done.stdout.split())


@pytest.mark.parametrize("command", ["start", "check", "hint", "spec", "solution", "reset"])
def test_the_shell_completes_katas_after_each_command_that_takes_one(
    desk: Any, command: str
) -> None:
    assert complete(desk, f"kata {command} ") == ["abacus", "cube", "double", "halve"]


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("kata check d", ["double"]),
        ("kata check algebra/d", ["algebra/double"]),
        ("kata check --seed 5 h", ["halve"]),
        ("kata check x", []),
        ("kata verify double c", ["cube"]),
        ("kata verify --track m", ["machines"]),
        ("kata list a", ["algebra"]),
        ("kata dash", ["dashboard"]),
        ("kata check --js", ["--json"]),
    ],
)
def test_the_shell_completes_what_comes_next(desk: Any, words: str, offered: list[str]) -> None:
    assert complete(desk, words) == offered


def test_the_real_katas_are_completed(learner: Any) -> None:
    slugs = {line["slug"] for line in json.loads(learner.run("list", "--json").stdout)}

    assert set(complete(learner, "kata start ")) == slugs


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_for_a_shell_is_printed(desk: Any, shell: str) -> None:
    desk.env["_KATA_COMPLETE"] = f"source_{shell}"

    done = desk.run()

    assert (done.returncode, done.stderr) == (0, "")
    assert "_KATA_COMPLETE" in done.stdout
    if shell == "bash":
        assert subprocess.run(["bash", "-n"], input=done.stdout, text=True).returncode == 0


def test_every_command_has_help_with_an_example(desk: Any) -> None:
    whole = desk.run("--help").stdout
    commands = [line.split()[0] for line in whole.partition("Commands:")[2].splitlines() if line]
    assert {"list", "start", "check", "hint", "spec", "solution", "reset"} <= set(commands)
    assert {"next", "pause", "dashboard", "doctor", "verify"} <= set(commands)

    for command in commands:
        done = desk.run(command, "-h")
        assert done.returncode == 0
        assert f"kata {command} [OPTIONS]" in done.stdout
    assert "Example: kata check gqa --seed 7" in desk.run("check", "--help").stdout


def test_the_version_is_told(desk: Any) -> None:
    done = desk.run("--version")

    assert done.returncode == 0
    name, version = done.stdout.split()
    assert name == "kata"
    assert version.count(".") == 2


def test_no_command_at_all_shows_the_help(desk: Any) -> None:
    done = desk.run()

    assert done.returncode == 2
    assert "Commands:" in done.stdout + done.stderr


def test_the_doctor_finds_all_well_and_says_where_things_lie(learner: Any) -> None:
    learner.run("start", "gqa")

    done = learner.run("doctor", timeout=240)

    assert (done.returncode, done.stderr) == (0, "")
    for row in ROWS:
        assert f"✓ {row}" in done.stdout
    assert str(learner.practice) in done.stdout
    assert "1 events" in done.stdout
    assert done.stdout.splitlines()[-1] == "All is well."


def test_the_doctor_says_what_is_wrong_and_looks_at_the_rest(desk: Any) -> None:
    desk.database.mkdir(parents=True)

    done = desk.run("doctor", timeout=240)

    assert done.returncode == 1
    assert "✗ practice" in done.stdout
    assert str(desk.database) in done.stdout
    assert "✓ torch" in done.stdout
    assert "1 of" in done.stdout.splitlines()[-1]


def test_the_warm_judge_tells_its_state_and_stops(desk: Any, right: str) -> None:
    assert desk.check("algebra/double", right).verdict == "passed"
    for what in ((), ("status",), ("stop",)):
        done = desk.run("judge", *what)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.count("\n") == 1
    assert desk.check("algebra/double", right).verdict == "passed"
