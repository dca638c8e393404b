"""kill -9 at any moment: the progress file stays whole, and what was shown is in it.

KATA_KILL_ROUNDS=1000 pytest -s tests/progress/test_kill.py, before a release.
"""

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[2]
ROUNDS = int(os.environ.get("KATA_KILL_ROUNDS", "15"))
LEARNERS = 2
# one in so many is judged by a child; the others have their verdict from a look at the file
WHOLE = 5

KATA = "attention/gqa"
STUB = (ROOT / "katas" / f"{KATA}.py").read_text(encoding="utf-8")
SOLUTION = (ROOT / "solutions" / f"{KATA}.py").read_text(encoding="utf-8")
ENDLESS = "while True:\n    pass\n"


class Rounds:
    """One learner's checks, each killed at a moment of its own, until so many were."""

    def __init__(self, learner: Any, kills: int, still_there: Callable[..., list[int]]) -> None:
        self.learner, self.kills, self._still_there = learner, kills, still_there
        self.shown: list[int] = []
        self.problems: list[str] = []
        self.seen: Counter[str] = Counter()
        self._random = random.Random()
        # how long a check takes that nobody kills: measured first, then followed
        self._seconds: dict[str, float] = {}

    def run(self) -> None:
        for kind, source in (("broken", "def f(:\n"), ("whole", SOLUTION)):
            began = time.monotonic()
            self.learner.check(KATA, source, "--seed", "0")
            self._seconds[kind] = time.monotonic() - began
        self._seconds["stub"] = self._seconds["broken"]
        number = 0
        while self.seen["killed"] < self.kills and len(self.problems) < 10:
            number += 1
            try:
                self._round(number)
            except Exception as error:
                self.problems.append(f"round {number}: {error!r}")

    def _round(self, number: int) -> None:
        if number % WHOLE == 0:
            kind, source = "whole", self.learner.marked(SOLUTION)
        elif number % 2:
            kind, source = "stub", STUB
        else:
            kind, source = "broken", f"def f(:  # {number}\n"
        self.learner.write(KATA, source)
        seconds = self._seconds[kind]
        # half of them about when the verdict is written down
        early = self._random.random() < 0.5
        delay = seconds * (self._random.random() if early else self._random.uniform(0.7, 1.05))
        said = self._killed(kind, number, delay, as_json=bool(number % 3))
        if said:
            self.shown.append(number)
        elif delay > 0.9 * seconds:
            # the machine has more to do now
            self._seconds[kind] *= 1.2
        self._look(number)

    def _killed(self, kind: str, number: int, delay: float, *, as_json: bool) -> bool:
        """Check, and kill the check; whether it had shown its verdict."""
        shown = self.learner.folder / "shown"
        options = ["--json"] if as_json else []
        with shown.open("w") as out:
            began = time.monotonic()
            process = subprocess.Popen(
                [*self.learner.command, "check", KATA, "--seed", str(number), *options],
                cwd=self.learner.folder,
                env=self.learner.environment,
                stdout=out,
                stderr=subprocess.DEVNULL,
            )
            try:
                process.wait(delay)
                took = time.monotonic() - began
                self._seconds[kind] = 0.8 * self._seconds[kind] + 0.2 * took
                self.seen["ended before the kill"] += 1
            except subprocess.TimeoutExpired:
                children = _children(process.pid) if kind == "whole" else []
                folders = [folder for child in children if (folder := _work(child))]
                process.kill()
                process.wait()
                self._look_for_processes(number, children)
                for folder in folders:
                    shutil.rmtree(folder, ignore_errors=True)
                self.seen["killed"] += 1
        said = shown.read_text()
        if as_json:
            with suppress(ValueError):
                return bool(json.loads(said)["seed"] == number)
            return False
        return f"seed {number}," in said

    def _look_for_processes(self, number: int, children: list[psutil.Process]) -> None:
        pids = self.learner.folder / "pids"
        marks = [int(line) for line in pids.read_text().split()] if pids.exists() else []
        pids.unlink(missing_ok=True)
        left = self._still_there([*marks, *(child.pid for child in children)])
        if left:
            self.problems.append(f"round {number}: {left} still run")

    def _look(self, number: int) -> None:
        """The file opens, is whole, and holds what was shown."""
        if not self.learner.database.exists():
            events: list[int] = []
        else:
            with closing(sqlite3.connect(self.learner.database, timeout=30)) as db:
                (sound,) = db.execute("pragma integrity_check").fetchone()
                assert sound == "ok"
                # killed before its first commit, a file has no tables yet
                tables = [name for (name,) in db.execute("select name from sqlite_master")]
                found = "events" in tables
                rows = db.execute("select data from events").fetchall() if found else []
                kept = db.execute("select sha from sources").fetchall() if found else []
            data = [json.loads(text) for (text,) in rows]
            events = [item["seed"] for item in data]
            assert {item["source"] for item in data} <= {sha for (sha,) in kept}
        lost = set(self.shown) - set(events)
        twice = [seed for seed, count in Counter(events).items() if seed and count > 1]
        if lost or twice:
            self.problems.append(f"after round {number}: lost {lost}, twice {twice}")


def _children(pid: int) -> list[psutil.Process]:
    """Processes of a check; a judge that serves later checks as well is meant to stay."""
    found = []
    with suppress(psutil.Error):
        for child in psutil.Process(pid).children(recursive=True):
            with suppress(psutil.Error):
                if "grader.judge.server" not in child.cmdline():
                    found.append(child)
    return found


def _work(child: psutil.Process) -> Path | None:
    """The folder that a killed check cannot clear away."""
    with suppress(psutil.Error):
        folder = Path(child.cwd())
        if folder.name == "work" and folder.is_relative_to(tempfile.gettempdir()):
            return folder.parent
    return None


@pytest.mark.timeout(120 + 3 * ROUNDS)
def test_a_check_killed_at_any_moment_loses_no_verdict_that_was_shown(
    learner: Any, still_there: Callable[..., list[int]]
) -> None:
    runs = []
    for number in range(LEARNERS):
        mine = replace(learner, folder=learner.folder / str(number))
        mine.practice.mkdir(parents=True)
        runs.append(Rounds(mine, -(-ROUNDS // LEARNERS), still_there))
    threads = [threading.Thread(target=run.run) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    for run in runs:
        print(f"\n{dict(run.seen)}, {len(run.shown)} verdicts shown")
        assert run.problems == []
        listed = run.learner.run("list", "--json")
        assert (listed.returncode, listed.stderr) == (0, "")
        before = len(run.learner.events())
        run.learner.check(KATA, "def f(:\n")
        assert len(run.learner.events()) == before + 1


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP], ids=str)
def test_the_judged_attempt_ends_with_the_grader(
    learner: Any, still_there: Callable[..., list[int]], number: signal.Signals
) -> None:
    learner.write(KATA, learner.marked(ENDLESS))
    with learner.popen("check", KATA) as check:
        pids = learner.marks()
        assert pids, "the attempt was not reached"
        check.send_signal(number)

    assert still_there(pids) == []
    assert learner.events() == []
