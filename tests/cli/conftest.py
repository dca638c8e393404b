"""A small project to be at home in, and terminals to sit at."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pexpect
import pyte
import pytest

SKIPS = """import pytest


@pytest.mark.skip(reason="no abacus here")
def test_counts(attempt):
    attempt.double(1)
"""


CLOCK = """import os, sys

if "WITHOUT" in os.environ:
    # as if it were not installed
    sys.modules[os.environ["WITHOUT"]] = None

# what judges keeps the machine's clock
if "CLOCK" in os.environ and "grader" in sys.orig_argv:
    # time_machine would load it for its fixture
    sys.modules["pytest"] = None
    import time_machine

    del sys.modules["pytest"]
    time_machine.travel(float(os.environ["CLOCK"])).start()
"""


@pytest.fixture
def at(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Any, float], None]:
    """Has a learner's next commands run at another time, in seconds since the epoch."""
    folder = tmp_path_factory.mktemp("clock")
    (folder / "sitecustomize.py").write_text(CLOCK)

    def move(learner: Any, seconds: float) -> None:
        path = learner.env.get("PYTHONPATH", "").split(os.pathsep)
        if str(folder) not in path:
            learner.env["PYTHONPATH"] = os.pathsep.join(filter(None, [str(folder), *path]))
        learner.env["CLOCK"] = str(seconds)

    return move


@pytest.fixture(scope="session")
def trifles(new_project: Callable[[], Any], line: Callable[..., str]) -> Any:
    """Two tracks of katas that are judged in no time."""
    project = new_project()
    project.track(
        "algebra",
        line("double", title="Doubling", core=True, minutes=5),
        line("halve", title="Halving", level="medium", needs=["double"]),
        line("cube", title="Cubing", level="hard"),
        title="Algebra",
    )
    project.track("machines", line("abacus", title="An abacus", level="expert"), title="Machines")
    for kata in ("algebra/double", "algebra/halve", "algebra/cube"):
        project.kata(kata)
    project.kata("machines/abacus", tests=SKIPS)
    return project


@pytest.fixture
def desk(trifles: Any, tmp_path: Path) -> Any:
    """Someone at work on trifles."""
    return trifles.learner(tmp_path)


@pytest.fixture(scope="session")
def right(trifles: Any) -> str:
    """An attempt that passes."""
    return str(trifles.SOLUTION)


@pytest.fixture(scope="session")
def wrong(trifles: Any) -> str:
    """An attempt that fails."""
    return str(trifles.SOLUTION).replace("* 2.0", "* 3.0")


Terminal = Callable[..., "pexpect.spawn[str]"]


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    """Starts a command of a learner's in a terminal of its own."""
    running: list[pexpect.spawn[str]] = []

    def start(
        learner: Any, command: list[str], *, columns: int = 80, **env: str
    ) -> "pexpect.spawn[str]":
        unset = ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "PROMPT_COMMAND")
        usual = {k: v for k, v in learner.environment.items() if k not in unset}
        child = pexpect.spawn(
            command[0],
            command[1:],
            cwd=str(learner.folder),
            env=usual | {"TERM": "xterm-256color", "LANG": "C.UTF-8"} | env,
            dimensions=(40, columns),
            encoding="utf-8",
            # what Ctrl-C interrupts may end within a character
            codec_errors="replace",
            timeout=60,
        )
        running.append(child)
        return child

    yield start
    for child in running:
        child.close(force=True)


@pytest.fixture
def sit(terminal: Terminal) -> Terminal:
    """Starts kata in a terminal of its own."""

    def start(learner: Any, *args: str, **options: Any) -> "pexpect.spawn[str]":
        return terminal(learner, [*learner.command, *args], **options)

    return start


class Seat:
    """A person before a screen: what it shows, after all that was written to it.

    Attributes:
        child: The command.
    """

    def __init__(self, child: "pexpect.spawn[str]") -> None:
        self.child = child
        rows, columns = child.getwinsize()
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.Stream(self._screen)

    @property
    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self._screen.display)

    def sees(self, *words: str, seconds: float = 60) -> str:
        """Wait until all of these stand there; the whole screen."""
        deadline = time.monotonic() + seconds
        while not all(word in self.text for word in words):
            assert time.monotonic() < deadline, f"{words} are not in:\n{self.text}"
            self._read()
        return self.text

    def press(self, keys: str) -> None:
        self.child.send(keys)

    def leaves(self, seconds: float = 60) -> str:
        """Wait for the end of the command; what it printed in the terminal after its screen."""
        deadline = time.monotonic() + seconds
        while self._read():
            assert time.monotonic() < deadline, f"it goes on:\n{self.text}"
        self.child.close()
        return self.text

    def _read(self) -> bool:
        try:
            self._stream.feed(self.child.read_nonblocking(1 << 16, timeout=0.2))
        except pexpect.TIMEOUT:
            return True
        except pexpect.EOF:
            return False
        return True


@pytest.fixture
def take_a_seat(sit: Terminal) -> Callable[..., Seat]:
    """Starts kata on a screen that is looked at as a whole."""

    def start(learner: Any, *args: str, **options: Any) -> Seat:
        return Seat(sit(learner, *args, **options))

    return start
