"""At a real terminal: Ctrl-C, and a terminal that is as it was afterwards."""

import re
from collections.abc import Callable
from typing import Any

import pexpect
import pytest

KATA = "algebra/double"
ENDLESS = "import time\nwhile True:\n    time.sleep(0.01)\n"
HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"
PROMPT = "ready[$] "


@pytest.fixture
def shell(terminal: Any, desk: Any) -> "pexpect.spawn[str]":
    """A shell in a terminal, in the practice folder's folder."""
    child = terminal(desk, ["bash", "--norc", "--noprofile", "-i"], PS1="ready$ ")
    child.expect(PROMPT)
    kata = " ".join(desk.command)
    child.sendline(f"bind 'set enable-bracketed-paste off'; kata() {{ {kata} \"$@\"; }}")
    child.expect(PROMPT)
    return child


def settings(shell: "pexpect.spawn[str]") -> str:
    shell.sendline("stty -a")
    shell.expect(PROMPT)
    return " ".join(shell.before.partition("stty -a")[2].split())


def exit_code(shell: "pexpect.spawn[str]") -> int:
    shell.sendline("echo code=$?")
    shell.expect(r"code=(\d+)\r")
    code = int(shell.match.group(1))
    shell.expect(PROMPT)
    return code


@pytest.mark.parametrize(
    "what",
    ["kata check double", "kata check --all", "KATA_COLD=1 kata check double --json"],
)
def test_ctrl_c_ends_a_check_with_130_and_leaves_nothing_behind(
    desk: Any, shell: Any, still_there: Callable[..., list[int]], what: str
) -> None:
    source = desk.marked(ENDLESS)
    desk.write(KATA, source)
    before = settings(shell)

    shell.sendline(what)
    pids = desk.marks()
    assert pids, "the attempt was not reached"
    shell.sendintr()
    shell.expect(PROMPT)
    said = shell.before

    assert exit_code(shell) == 130
    assert "interrupted" in said
    assert "Traceback" not in said
    assert said.rfind(SHOW) >= said.rfind(HIDE), "the cursor is hidden"
    assert settings(shell) == before
    assert re.search(r"(?<!-)\becho\b.*(?<!-)\bicanon|(?<!-)\bicanon.*(?<!-)\becho\b", before)
    assert still_there(pids) == []
    assert desk.events() == []
    assert desk.attempt(KATA).read_text() == source
    # and the next command works
    shell.sendline("kata list --json | head -c 1")
    shell.expect(r"\[")


def test_ctrl_c_while_torch_is_loaded_is_130_as_well(desk: Any, shell: Any) -> None:
    desk.write(KATA, ENDLESS)
    # a fresh process for each check: most of its time goes into loading
    shell.sendline("export KATA_COLD=1")
    shell.expect(PROMPT)
    shell.sendline("kata check double")
    shell.expect("loading torch")
    shell.sendintr()
    shell.expect(PROMPT)

    assert "Traceback" not in shell.before
    assert exit_code(shell) == 130
    assert desk.events() == []


def test_ctrl_c_twice_is_no_worse_than_once(
    desk: Any, shell: Any, still_there: Callable[..., list[int]]
) -> None:
    desk.write(KATA, desk.marked(ENDLESS))
    shell.sendline("kata check double")
    pids = desk.marks()
    shell.sendintr()
    shell.sendintr()
    shell.expect(PROMPT)

    assert still_there(pids) == []
    assert desk.events() == []


def test_ctrl_c_ends_the_gate_with_130_and_leaves_nothing_behind(
    new_project: Callable[[], Any],
    line: Callable[..., str],
    learner: Any,
    sit: Any,
    still_there: Callable[..., list[int]],
) -> None:
    project = new_project()
    project.track("t", line("endless"))
    someone = project.learner(learner.folder)
    body = "import time; time.sleep(600) or (x * 2.0 + shift)"
    slow = project.SOLUTION.replace("return x * 2.0 + shift", body)
    project.kata("t/endless", solution=someone.marked(slow))

    child = sit(someone, "verify", "-j", "2")
    pids = someone.marks(seconds=120)
    assert pids, "the solution was not reached"
    child.sendintr()
    child.expect(pexpect.EOF)
    child.close()

    assert child.exitstatus == 130
    assert "Traceback" not in child.before
    assert still_there(someone.marks()) == []


def test_watch_judges_each_save_and_leaves_on_q(
    desk: Any, sit: Any, wrong: str, right: str
) -> None:
    child = sit(desk, "watch", "double", columns=100)
    child.expect("still the stub")
    desk.write(KATA, wrong)
    child.expect("0 of 2 claims hold")
    desk.write(KATA, right)
    child.expect("2 of 2 claims hold")
    child.send("q")
    child.expect(pexpect.EOF)
    child.close()

    assert child.exitstatus == 0
    verdicts = [event["verdict"] for event in desk.events() if event["kind"] == "checked"]
    assert verdicts == ["unimplemented", "failed", "passed"]
    # the other screen is left, the cursor shown
    assert child.before.rfind("\x1b[?1049l") > child.before.rfind("\x1b[?1049h")
    assert child.before.rfind(SHOW) > child.before.rfind(HIDE)
