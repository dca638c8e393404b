"""How long a learner waits, side by side in one run: python benchmarks/latency.py [ROUNDS].

Absolute times are this machine's; the ratios to importing torch are what counts.
"""

import json
import os
import pty
import select
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from grader.content.card import load_card, solution_with
from grader.content.catalog import load_catalog
from grader.judge import warm

KATA = shutil.which("kata", path=os.path.dirname(sys.executable)) or "kata"
# what Python compiled is kept, as it is wherever people work
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 15
KATA_AT_HAND = "gqa"


class Desk:
    """A practice folder with an attempt that passes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.kata = load_catalog().find(KATA_AT_HAND)
        (folder / "practice").mkdir()
        self.run("start", KATA_AT_HAND)
        self.attempt = folder / "practice" / self.kata.track / f"{KATA_AT_HAND}.py"
        self.right = self.kata.solution.read_text()
        self.wrong = solution_with(self.kata, load_card(self.kata).mistakes[0])
        self.attempt.write_text(self.right)

    def run(self, *args: str, **extra: str) -> str:
        env = {k: v for k, v in os.environ.items() if not k.startswith("KATA_")} | extra
        done = subprocess.run(
            [KATA, *args], cwd=self.folder, env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode in (0, 1), done.stderr
        return done.stdout


def seconds(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def python(code: str) -> Callable[[], object]:
    return lambda: subprocess.run([sys.executable, "-c", code], check=True)


class Watch:
    """kata watch in a terminal of its own."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.screen, terminal = pty.openpty()
        env = os.environ | {"TERM": "xterm-256color", "COLUMNS": "100", "LINES": "40"}
        self.process = subprocess.Popen(
            [KATA, "watch", KATA_AT_HAND],
            cwd=desk.folder, env=env, stdin=terminal, stdout=terminal, stderr=terminal,
            start_new_session=True,
        )  # fmt: skip
        os.close(terminal)
        self.wait_for(b"passed")

    def wait_for(self, words: bytes) -> None:
        seen, deadline = b"", time.monotonic() + 60
        while words not in seen:
            if not select.select([self.screen], [], [], deadline - time.monotonic())[0]:
                raise TimeoutError(f"no {words!r} on the screen")
            seen = seen[-4096:] + os.read(self.screen, 1 << 16)

    def save(self, text: str, words: bytes) -> float:
        """From the write of the file to the verdict on the screen."""
        # let what is on its way arrive
        while select.select([self.screen], [], [], 0.3)[0]:
            os.read(self.screen, 1 << 16)
        began = time.perf_counter()
        self.desk.attempt.write_text(text)
        self.wait_for(words)
        return time.perf_counter() - began

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.screen)


def judge_memory(desk: Desk) -> tuple[float, float]:
    """Resident megabytes of the warm judge, and what a child adds."""
    status = warm.ask("status")
    assert status is not None
    judge = psutil.Process(status["pid"])
    desk.attempt.write_text("import time\ntime.sleep(3)\n" + desk.right)
    with subprocess.Popen([KATA, "check"], cwd=desk.folder, stdout=subprocess.DEVNULL):
        time.sleep(1.5)
        children = judge.children()
        own = children[0].memory_full_info().uss if children else 0
    desk.attempt.write_text(desk.right)
    return judge.memory_info().rss / 2**20, own / 2**20


def measure(desk: Desk) -> dict[str, list[float]]:
    """Rounds of every command, each after the other, so that a slow moment hits all alike."""
    commands: dict[str, Callable[[], object]] = {
        "python -c pass": python("pass"),
        'python -c "import torch"': python("import torch"),
        "kata check, cold": lambda: desk.run("check", KATA_AT_HAND, KATA_COLD="1"),
        "kata check, warm": lambda: desk.run("check", KATA_AT_HAND),
        "kata list": lambda: desk.run("list"),
        "kata hint": lambda: desk.run("hint"),
        "kata dashboard": lambda: desk.run("dashboard"),
    }
    assert warm.wait_for_judge(), "no warm judge here"
    times: dict[str, list[float]] = {name: [] for name in commands}
    times["the tests alone, cold"] = []
    times["save to verdict in kata watch"] = []
    watch = Watch(desk)
    for round_ in range(ROUNDS + 1):
        found = {name: seconds(action) for name, action in commands.items()}
        tests = json.loads(desk.run("check", KATA_AT_HAND, "--json", KATA_COLD="1"))["tests"]
        found["the tests alone, cold"] = sum(test["seconds"] for test in tests)
        watch.save(desk.wrong, b"failed")
        found["save to verdict in kata watch"] = watch.save(desk.right, b"passed")
        if round_:
            # the first one warms the file system
            for name, value in found.items():
                times[name].append(value)
    watch.close()
    return times


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        desk = Desk(Path(folder))
        times = measure(desk)
        resident, child = judge_memory(desk)
        katas = ["gqa", "rope", "cross-entropy", "gae"]
        times["kata verify, a kata"] = [seconds(lambda: desk.run("verify", *katas)) / len(katas)]
    torch = statistics.median(times['python -c "import torch"'])
    table = Table("what", "median ms", "fastest", "slowest", "to import torch", box=None)
    for name, values in times.items():
        median = statistics.median(values)
        row = (f"{median * 1000:.0f}", f"{min(values) * 1000:.0f}", f"{max(values) * 1000:.0f}")
        table.add_row(name, *row, f"{median / torch:.3f}")
    out = Console()
    out.print(table)
    out.print(f"warm judge: {resident:.0f} MiB resident, a child adds {child:.0f} MiB")
    cold = statistics.median(times["kata check, cold"])
    tests = statistics.median(times["the tests alone, cold"])
    out.print(f"cold check less its tests, to import torch: {(cold - tests) / torch:.3f}")


if __name__ == "__main__":
    main()
