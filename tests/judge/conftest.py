"""Attempts before the judge: what they do, and what must hold after each of them."""

import os
import secrets
import shutil
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

GQA = "attention/gqa"


class Court:
    """A learner whose attempts misbehave.

    Whatever an attempt did: no process and no folder of its check is left, and
    the progress file has each check with its verdict.

    Attributes:
        right: The text of an attempt that passes.
        verdicts: What came of the checks so far.
    """

    def __init__(self, learner: Any, scratch: Path) -> None:
        self.learner, self.scratch = learner, scratch
        self.right = (learner.root / "solutions" / f"{GQA}.py").read_text(encoding="utf-8")
        self.verdicts: list[str] = []
        self._marker = secrets.token_hex(8)
        learner.env |= {"TMPDIR": str(scratch), "KATA_TEST_MARKER": self._marker}

    def judge(self, source: str, *args: str, kata: str = GQA) -> Any:
        """Judge an attempt with --json, and look at what is left of it."""
        verdict = self.learner.check(kata, source, *args)
        self.verdicts.append(verdict.verdict)
        self.look_behind()
        return verdict

    def show(self, source: str, *args: str, kata: str = GQA) -> str:
        """Judge an attempt, and return what the learner reads."""
        self.learner.write(kata, source)
        done = self.learner.run("check", kata, *args)
        assert done.returncode in (0, 1), done.stderr
        assert not done.stderr
        checks = [event for event in self.learner.events() if event["kind"] == "checked"]
        self.verdicts.append(checks[-1]["verdict"])
        self.look_behind()
        return str(done.stdout)

    def look_behind(self) -> None:
        # a warm judge clears away behind a command that was interrupted
        self.no_process_left()
        assert gone(lambda: folders(self.scratch)) == []
        recorded = [e["verdict"] for e in self.learner.events() if e["kind"] == "checked"]
        assert recorded == self.verdicts

    def no_process_left(self) -> None:
        assert gone(lambda: list(self._processes())) == []

    def still_right(self) -> None:
        """The next check is judged as if nothing had been."""
        verdict = self.judge(self.right)
        assert verdict.verdict == "passed", verdict.said
        assert set(verdict.outcomes.values()) == {"passed"}

    def _processes(self) -> Iterator[str]:
        """Command lines of processes that a check has left behind."""
        for process in psutil.process_iter():
            try:
                command = process.cmdline()
                ours = process.environ().get("KATA_TEST_MARKER") == self._marker
                inside = process.cwd().startswith(str(self.scratch))
                gone = process.status() == psutil.STATUS_ZOMBIE
            except psutil.Error:
                continue
            # a judge that waits for the next check stays; it works in no check's folder
            waits = "grader.judge.server" in command and not inside
            if (ours or inside) and not gone and not waits:
                yield " ".join(command)

    # attempts

    def before(self, body: str, *, top: str = "") -> str:
        """The right attempt, which does this first whenever it is called."""
        return (
            f"{self.right}\n{top}\nright = grouped_query_attention\ncalls = 0\n\n"
            "def grouped_query_attention(q, k, v, *, causal=True):\n"
            "    global calls\n"
            "    calls += 1\n"
            f"{textwrap.indent(textwrap.dedent(body).strip(), '    ')}\n"
            "    return right(q, k, v, causal=causal)\n"
        )

    def acts(self, *bodies: str, top: str = "") -> str:
        """An attempt whose first call does the first of these, and so on, over and over.

        When each of them ends its test, the n-th test tells of the n-th.
        """
        functions = "".join(
            f"def act_{n}(q, k, v, causal):\n"
            f"{textwrap.indent(textwrap.dedent(body).strip(), '    ')}\n\n"
            for n, body in enumerate(bodies)
        )
        return (
            f"{self.right}\n{top}\nright = grouped_query_attention\ncalls = -1\n\n{functions}"
            "def grouped_query_attention(q, k, v, *, causal=True):\n"
            "    global calls\n"
            "    calls += 1\n"
            f"    return globals()[f'act_{{calls % {len(bodies)}}}'](q, k, v, causal)\n"
        )


def gone(left: Callable[[], list[Any]], seconds: float = 20) -> list[Any]:
    """What is still left after so long, if anything."""
    deadline = time.monotonic() + seconds
    while (found := left()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def folders(scratch: Path) -> list[Path]:
    """Those of checks; the judge that waits for the next check has its socket in another."""
    own = scratch / f"kata-{os.getuid()}"
    return [path for path in scratch.glob("kata-*") if path != own]


@pytest.fixture(scope="session")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where checks have their folders."""
    return tmp_path_factory.mktemp("scratch")


@pytest.fixture(params=["cold", "warm"])
def learner(alone: Any, request: pytest.FixtureRequest, scratch: Path) -> Iterator[Any]:
    """Every test of the judge runs over both of its paths."""
    if request.param == "cold":
        yield alone
        return
    del alone.env["KATA_COLD"]
    # it is part of the judge's environment: set before the judge starts
    alone.env["TMPDIR"] = str(scratch)
    before = _warm_checks(alone)
    yield alone
    if any(e["kind"] == "checked" and e["total"] for e in alone.events()):
        assert _warm_checks(alone) > before, "no check of this test was judged warm"


def _warm_checks(learner: Any) -> int:
    """How many checks the warm judge has had; one is started if there is none."""
    wait = "from grader.judge.warm import wait_for_judge; assert wait_for_judge()"
    subprocess.run([sys.executable, "-P", "-c", wait], env=learner.environment, check=True)
    status = learner.run("judge", "status").stdout
    return int(status.split(" checks")[0].rsplit(" ", 1)[1])


@pytest.fixture
def bench(learner: Any, scratch: Path) -> Court:
    """A court without more ado, for tests that look at what happens after a check themselves."""
    # one test's leftovers are not another's
    for folder in folders(scratch):
        shutil.rmtree(folder)
    return Court(learner, scratch)


@pytest.fixture(scope="module")
def followed() -> set[str]:
    """The tests after which a cold check was seen to be right."""
    return set()


@pytest.fixture
def court(bench: Court, request: pytest.FixtureRequest, followed: set[str]) -> Iterator[Court]:
    """A court that ends with a right attempt, which must pass."""
    yield bench
    # what the next cold check could meet is processes, files and progress: all looked at before
    cold, name = "KATA_COLD" in bench.learner.env, request.node.originalname
    if not cold or name not in followed:
        bench.still_right()
    if cold:
        followed.add(name)
