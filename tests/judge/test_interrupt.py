"""The person presses Ctrl-C, closes the terminal, or ends the command."""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

BUSY = """
import os, time
open({path!r}, "a").close()
while True: time.sleep(0.01)
"""


def begun(path: Path, seconds: float = 60) -> bool:
    deadline = time.monotonic() + seconds
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    return path.exists()


@pytest.mark.parametrize("where", ["on import", "in a test"])
def test_interrupting_a_check_stops_at_once_and_records_nothing(court, tmp_path: Path, where: str):
    busy = BUSY.format(path=str(tmp_path / "begun"))
    source = f"{court.right}\n{busy}" if where == "on import" else court.before(busy)
    attempt = court.learner.write("attention/gqa", source)

    process = court.learner.popen("check", "gqa", start_new_session=True)
    assert begun(tmp_path / "begun")
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)

    assert process.returncode == 130
    assert "interrupted" in said
    assert "Traceback" not in said
    assert attempt.read_text(encoding="utf-8") == source
    court.look_behind()


@pytest.mark.parametrize("seconds", [0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.8, 1.2, 2.0])
def test_interrupting_at_any_moment_leaves_nothing_behind(bench, tmp_path: Path, seconds: float):
    busy = BUSY.format(path=str(tmp_path / "begun"))
    bench.learner.write("attention/gqa", f"{bench.right}\n{busy}")

    process = bench.learner.popen("check", "gqa", start_new_session=True)
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=60)

    # before it is loaded, Python itself ends with the signal or with 1
    assert process.returncode in (130, 1, -signal.SIGINT)
    bench.look_behind()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_ending_the_command_ends_what_it_started(bench, tmp_path: Path, number: signal.Signals):
    busy = BUSY.format(path=str(tmp_path / "begun"))
    bench.learner.write("attention/gqa", f"{bench.right}\n{busy}")

    process = bench.learner.popen("check", "gqa", start_new_session=True)
    assert begun(tmp_path / "begun")
    process.send_signal(number)
    process.communicate(timeout=60)

    bench.no_process_left()
    if number != signal.SIGKILL:
        # nobody was left to clear its folder away
        bench.look_behind()


def test_ctrl_c_in_a_terminal_gives_the_cursor_back(court, tmp_path: Path):
    pexpect = pytest.importorskip("pexpect")
    court.learner.write("attention/gqa", court.before(BUSY.format(path=str(tmp_path / "begun"))))

    terminal = pexpect.spawn(
        court.learner.command[0],
        [*court.learner.command[1:], "check", "gqa"],
        cwd=str(court.learner.folder),
        env=court.learner.environment | {"TERM": "xterm-256color"},
        timeout=60,
        encoding="utf-8",
    )
    assert begun(tmp_path / "begun")
    terminal.sendintr()
    terminal.expect(pexpect.EOF)
    terminal.close()

    assert terminal.exitstatus == 130
    seen = terminal.before
    assert "interrupted" in seen
    assert seen.rindex("\x1b[?25h") > seen.rindex("\x1b[?25l")
    assert not re.search(r"Traceback|Error", seen)
    court.look_behind()


def test_an_attempt_that_interrupts_itself_does_not_interrupt_the_command(court):
    verdict = court.judge(court.before("import os, signal; os.killpg(os.getpgrp(), signal.SIGINT)"))

    assert verdict.verdict == "failed"
    assert set(verdict.outcomes.values()) == {"failed"}
    assert verdict.data["tests"][0]["message"].startswith("your code ended the program: Keyb")


def test_interrupting_a_sweep_keeps_the_verdicts_before_it(bench, tmp_path: Path):
    busy = BUSY.format(path=str(tmp_path / "begun"))
    bench.learner.write("attention/sdpa", "import torch\n")
    order = [kata["id"] for kata in _listed(bench)]
    bench.learner.write("attention/gqa", f"{bench.right}\n{busy}")
    first = min(("attention/sdpa", "attention/gqa"), key=order.index)

    process = bench.learner.popen("check", "--all", start_new_session=True)
    assert begun(tmp_path / "begun")
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=60)

    assert process.returncode == 130
    bench.verdicts += ["error"] if first == "attention/sdpa" else []
    bench.look_behind()


def _listed(bench) -> list[dict[str, str]]:
    import json

    done: subprocess.CompletedProcess[str] = bench.learner.run("list", "--json")
    return list(json.loads(done.stdout))
