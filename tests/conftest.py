"""Drives the grader as a person does: the command, in a folder, with files."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[1]
KATA = [sys.executable, "-P", "-m", "grader"]
# a job in the background ignores these, and so would all that it starts
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


@dataclass
class Learner:
    """Someone at work in a folder of their own.

    Attributes:
        folder: Where they are; practice/ is below it.
        env: What they have set beside the usual environment.
    """

    folder: Path
    env: dict[str, str] = field(default_factory=dict)

    @property
    def command(self) -> list[str]:
        return KATA

    @property
    def root(self) -> Path:
        """Where the project lies."""
        return ROOT

    @property
    def practice(self) -> Path:
        return self.folder / "practice"

    def attempt(self, kata: str) -> Path:
        return self.practice / f"{kata}.py"

    @property
    def environment(self) -> dict[str, str]:
        usual = {k: v for k, v in os.environ.items() if k not in ("KATA_PRACTICE", "COLUMNS")}
        return usual | self.env

    def run(
        self, *args: str, input: str | None = None, timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Run kata with these arguments; output is captured, so it is plain."""
        return subprocess.run(
            [*KATA, *args],
            cwd=self.folder,
            env=self.environment,
            input=input,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def popen(self, *args: str, **options: Any) -> subprocess.Popen[str]:
        """Start kata and do not wait."""
        return subprocess.Popen(
            [*KATA, *args],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )

    @property
    def database(self) -> Path:
        return self.practice / ".kata" / "progress.db"

    def events(self) -> list[dict[str, Any]]:
        """What the progress file holds, read without the grader: data is among the rest."""
        if not self.database.exists():
            return []
        with closing(sqlite3.connect(self.database)) as db:
            rows = db.execute("select id, at, kind, kata, data from events order by id").fetchall()
        names = ("id", "at", "kind", "kata")
        return [dict(zip(names, row[:4], strict=True)) | json.loads(row[4]) for row in rows]

    def marked(self, source: str) -> str:
        """The attempt, which now writes down the process that it runs in."""
        pids = str(self.folder / "pids")
        first = f"import os\nwith open({pids!r}, 'a') as file:\n    print(os.getpid(), file=file)\n"
        return first + source

    def marks(self, seconds: float = 60) -> list[int]:
        """The processes that marked attempts ran in, once there is one."""
        pids = self.folder / "pids"
        deadline = time.monotonic() + seconds
        while not (pids.exists() and pids.read_text()) and time.monotonic() < deadline:
            time.sleep(0.02)
        return [int(line) for line in pids.read_text().split()]

    def write(self, kata: str, source: str) -> Path:
        """Put an attempt where kata check looks for it."""
        path = self.attempt(kata)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source, encoding="utf-8")
        return path

    def check(self, kata: str, source: str | None = None, *args: str, **options: Any) -> "Verdict":
        """Write the attempt, if given, and judge it with --json."""
        if source is not None:
            self.write(kata, source)
        done = self.run("check", kata, "--json", *args, **options)
        assert done.returncode in (0, 1), done.stderr
        return Verdict(json.loads(done.stdout), done.returncode)


@dataclass
class Verdict:
    """What kata check --json said."""

    data: Mapping[str, Any]
    code: int

    @property
    def verdict(self) -> str:
        return str(self.data["verdict"])

    @property
    def outcomes(self) -> dict[str, str]:
        return {test["name"]: test["outcome"] for test in self.data["tests"]}

    @property
    def said(self) -> str:
        """All messages, of the check and of its tests."""
        return "\n".join([self.data["message"], *(test["message"] for test in self.data["tests"])])


def still_there(pids: list[int], seconds: float = 20) -> list[int]:
    """Those of the grader's processes that have not ended after so long."""
    deadline = time.monotonic() + seconds
    while True:
        left = [pid for pid in pids if _judges(pid)]
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.05)


def _judges(pid: int) -> bool:
    try:
        process = psutil.Process(pid)
        # a number may have gone to another program meanwhile
        ours = "grader" in " ".join(process.cmdline())
        return ours and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


@pytest.fixture(name="still_there")
def _still_there() -> Callable[..., list[int]]:
    return still_there


@pytest.fixture(scope="session", autouse=True)
def runtime() -> Iterator[Path]:
    """Where warm judges have their sockets: here, not where the person's own is."""
    # a socket's path is short
    with tempfile.TemporaryDirectory(prefix="kata-r-") as folder, pytest.MonkeyPatch.context() as m:
        m.setenv("XDG_RUNTIME_DIR", folder)
        yield Path(folder)
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if "grader.judge.server" in process.cmdline() and folder in process.cmdline()[-1]:
                    process.kill()


@pytest.fixture
def alone(tmp_path: Path) -> Learner:
    """Someone with an empty folder, whose checks start afresh."""
    (tmp_path / "practice").mkdir()
    return Learner(tmp_path, {"KATA_COLD": "1"})


@pytest.fixture
def learner(alone: Learner) -> Learner:
    """Someone with an empty folder; in tests of the judge once cold, once warm."""
    return alone


# the least that a kata can be; what a test wants to be otherwise it replaces in these texts
STUB = '''"""Doubling."""

from torch import Tensor


def double(x: Tensor, *, shift: float = 0.0) -> Tensor:
    """Twice x, plus shift.

    Returns:
        The shape and dtype of x.

    Not allowed:
        torch.cumsum. Changing x in place.

    Source:
        Euclid, "Elements", book 7.
    """
    raise NotImplementedError
'''
SOLUTION = '''"""Doubling."""

from torch import Tensor


def double(x: Tensor, *, shift: float = 0.0) -> Tensor:
    """Multiply, then add."""
    return x * 2.0 + shift
'''
CARD = """forbids = ["cumsum"]
hints = ["Multiply.", "By two.", "x * 2"]

[mistakes.halves]
find = "* 2.0"
replace = "* 0.5"
caught_by = "test_doubles"
tell = "x is halved."

[mistakes.squares]
find = "x * 2.0"
replace = "x * x"
caught_by = "test_doubles"
tell = "x is squared."

[mistakes.forgets_the_shift]
find = " + shift"
replace = ""
caught_by = "test_adds_the_shift"
tell = "shift is ignored."

[mistakes.subtracts_the_shift]
find = "+ shift"
replace = "- shift"
caught_by = "test_adds_the_shift"
tell = "shift is subtracted."

[[follow_ups]]
ask = "Without multiplying?"
answer = "x + x."

[[follow_ups]]
ask = "In integers?"
answer = "A shift by one bit."

[[follow_ups]]
ask = "How many FLOPs?"
answer = "Two per element."
"""
TESTS = """import torch

from grader.testing import assert_close


def test_doubles(attempt):
    x = torch.randn(5, dtype=torch.float64)
    expected = x + x

    assert_close(attempt.double(x), expected)


def test_adds_the_shift(attempt):
    x = torch.randn(5, dtype=torch.float64)
    expected = x + x + 3

    assert_close(attempt.double(x, shift=3.0), expected)
"""


@dataclass
class Project:
    """A copy of the grader, with content of its own.

    Attributes:
        root: Holds grader/, katas/, solutions/ and reference_tests/.
    """

    root: Path
    STUB: ClassVar[str] = STUB
    SOLUTION: ClassVar[str] = SOLUTION
    CARD: ClassVar[str] = CARD
    TESTS: ClassVar[str] = TESTS

    def __post_init__(self) -> None:
        ignore = shutil.ignore_patterns("__pycache__", "_content")
        shutil.copytree(ROOT / "grader", self.root / "grader", ignore=ignore)

    def track(self, slug: str, *lines: str, title: str = "Trifles") -> None:
        """Write a track file with these lines of katas, such as: one = { title = ... }."""
        folder = self.root / "katas" / slug
        folder.mkdir(parents=True, exist_ok=True)
        head = f'title = "{title}"\nblurb = "Small things."\n\n[katas]\n'
        (folder / "track.toml").write_text(head + "".join(f"{line}\n" for line in lines))

    def kata(
        self,
        id: str,
        *,
        stub: str | None = STUB,
        solution: str | None = SOLUTION,
        card: str | None = CARD,
        tests: str | None = TESTS,
    ) -> None:
        """Write a kata's files, but not its line; None leaves one out."""
        track, slug = id.split("/")
        for path, text in {
            f"katas/{id}.py": stub,
            f"solutions/{id}.py": solution,
            f"solutions/{id}.toml": card,
            f"reference_tests/{track}/test_{slug}.py": tests,
        }.items():
            if text is not None:
                (self.root / path).parent.mkdir(parents=True, exist_ok=True)
                (self.root / path).write_text(text, encoding="utf-8")

    def learner(self, folder: Path) -> Learner:
        """Someone who works with this copy."""
        (folder / "practice").mkdir(parents=True, exist_ok=True)
        # a warm judge of this copy is of no use for long
        return Learner(folder, {"PYTHONPATH": str(self.root), "KATA_JUDGE_IDLE": "20"})


def line(slug: str, **fields: Any) -> str:
    """A kata's line in its track file."""
    usual = {"title": slug.title(), "level": "easy", "minutes": 10, "needs": [], "core": False}
    pairs = [f"{name} = {json.dumps(value)}" for name, value in (usual | fields).items()]
    return f"{slug} = {{ {', '.join(pairs)} }}"


@pytest.fixture(scope="session")
def new_project(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Project]:
    """A copy of the grader without katas, each time."""
    return lambda: Project(tmp_path_factory.mktemp("project"))


@pytest.fixture(name="line", scope="session")
def _line() -> Callable[..., str]:
    return line


def solution(kata: str) -> str:
    """The text of a kata's solution."""
    return (ROOT / "solutions" / f"{kata}.py").read_text(encoding="utf-8")


def stub(kata: str) -> str:
    return (ROOT / "katas" / f"{kata}.py").read_text(encoding="utf-8")
