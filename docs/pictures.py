"""Records the README's pictures from real runs: python docs/pictures.py.

Each command runs in a terminal of its own; what it writes, or shows, becomes an SVG.
"""

import os
import pty
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from itertools import count, groupby
from pathlib import Path

import pexpect
import pyte
from rich.console import Console
from rich.style import Style
from rich.terminal_theme import MONOKAI
from rich.text import Text

from grader.cli.desk import Desk
from grader.cli.interviewing import choose
from grader.content.card import load_card, solution_with
from grader.content.catalog import load_catalog
from grader.progress.interviews import Interview

HERE = Path(__file__).parent
# fonts from a server do not load in a README anyway
FONT_FACES = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
KATA = [sys.executable, "-P", "-m", "grader"]
DAY = 86400


def run(folder: Path, *args: str, columns: int = 100) -> str:
    """What kata writes to a terminal of so many columns."""
    screen, terminal = pty.openpty()
    environment = os.environ | {"COLUMNS": str(columns), "TERM": "xterm-256color"}
    environment.pop("KATA_PRACTICE", None)
    process = subprocess.Popen(
        [*KATA, *args], cwd=folder, env=environment, stdout=terminal, stderr=subprocess.DEVNULL
    )
    os.close(terminal)
    written = bytearray()
    while True:
        try:
            chunk = os.read(screen, 1 << 16)
        except OSError:
            break
        if not chunk:
            break
        written += chunk
    process.wait()
    os.close(screen)
    return written.decode().replace("\r\n", "\n")


def picture(name: str, command: str, output: Text | str, columns: int = 100) -> None:
    shown = Text.from_ansi(output.rstrip()) if isinstance(output, str) else output
    with open(os.devnull, "w") as nowhere:
        out = Console(record=True, width=columns, file=nowhere, force_terminal=True)
        if command:
            out.print(Text.assemble(("$ ", "bright_black"), (command, "bold")))
        out.print(shown)
        svg = out.export_svg(title="kata", theme=MONOKAI)
    (HERE / f"{name}.svg").write_text(FONT_FACES.sub("", svg), encoding="utf-8")


class Seat:
    """A person before a screen of kata's."""

    def __init__(self, folder: Path, *args: str, columns: int = 100, rows: int = 44) -> None:
        environment = os.environ | {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
        environment.pop("KATA_PRACTICE", None)
        self._child = pexpect.spawn(
            KATA[0], [*KATA[1:], *args], cwd=str(folder), env=environment,
            dimensions=(rows, columns), encoding="utf-8", timeout=60,
        )  # fmt: skip
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.Stream(self._screen)

    def sees(self, *words: str) -> Text:
        """Wait for these words; the screen as it is then."""
        while not all(word in "\n".join(self._screen.display) for word in words):
            assert self._read(), "\n".join(self._screen.display)
        # what is drawn after the words
        end = time.monotonic() + 1.0
        while time.monotonic() < end and self._read():
            pass
        return self._text()

    def leaves(self) -> None:
        """Press q until nothing is there."""
        while self._read():
            self.press("q")

    def press(self, key: str) -> None:
        self._child.send(key)

    def _read(self) -> bool:
        try:
            self._stream.feed(self._child.read_nonblocking(1 << 16, timeout=0.2))
        except pexpect.TIMEOUT:
            return True
        except pexpect.EOF:
            return False
        return True

    def _text(self) -> Text:
        text = Text()
        for number in range(self._screen.lines):
            cells = [self._screen.buffer[number][column] for column in range(self._screen.columns)]
            for style, run in groupby(cells, key=_style):
                text.append("".join(cell.data for cell in run), style)
            text.append("\n")
        text.rstrip()
        return text


def _style(cell: pyte.screens.Char) -> Style:
    def colour(name: str) -> str | None:
        if name == "default":
            return None
        is_hex = len(name) == 6 and all(sign in "0123456789abcdef" for sign in name)
        return (
            f"#{name}" if is_hex else name.replace("bright", "bright_").replace("brown", "yellow")
        )

    return Style(color=colour(cell.fg), bgcolor=colour(cell.bg), bold=cell.bold,
                 reverse=cell.reverse)  # fmt: skip


def practise(folder: Path) -> None:
    """Some weeks of practice: real checks, wrong ones before right ones."""
    catalog = load_catalog()
    # the days since the one before, and what was done
    days = [
        (0, ["rms-norm", "softmax"]), (1, ["cross-entropy"]), (2, ["layer-norm", "sdpa"]),
        (1, ["rope"]), (3, ["mha", "gae"]), (1, ["nucleus"]), (2, ["dpo", "softmax"]),
        (4, ["grpo"]), (1, ["bpe-train", "sdpa"]), (1, ["paged-attention"]), (1, ["gqa"]),
    ]  # fmt: skip
    known = {kata.slug for kata in catalog}
    run(folder, "plan", "--date", time.strftime("%Y-%m-%d", time.localtime(time.time() + 21 * DAY)))
    for since, slugs in days:
        with sqlite3.connect(folder / "practice/.kata/progress.db") as db:
            # as if it had been so many days ago
            db.execute("update events set at = at - ?", (DAY * since,))
        for slug in filter(known.__contains__, slugs):
            kata = catalog.find(slug)
            attempt = folder / "practice" / kata.track / f"{slug}.py"
            run(folder, "start", slug, "--fresh")
            attempt.write_text(solution_with(kata, load_card(kata).mistakes[0]))
            run(folder, "check")
            if slug != "gqa":
                shutil.copy(kata.solution, attempt)
                run(folder, "check")
    with sqlite3.connect(folder / "practice/.kata/progress.db") as db:
        at_pace(db)


def at_pace(db: sqlite3.Connection) -> None:
    """As if a person had typed it: the checks of a round some minutes after its start."""
    began: dict[str, float] = {}
    rows = db.execute("select id, at, kind, kata from events where kata != '' order by id")
    for id, at, kind, kata in rows.fetchall():
        if kind == "started":
            began[kata] = at
        later = began[kata] + (at - began[kata]) * 400 - 1500
        db.execute("update events set at = ? where id = ?", (later, id))


def first_kata(folder: Path, seed: int) -> str | None:
    """What an interview on attention begins with."""
    os.environ["KATA_PRACTICE"] = str(folder / "practice")
    desk = Desk()
    present = Interview(0, 0.0, minutes=45, seed=seed, track="attention", level="medium")
    choice = choose(desk, present, desk.state())
    return choice.kata.id if choice else None


def interview(folder: Path) -> None:
    """One kata with a wrong attempt, a hint, a pass and a follow-up question."""
    gqa = load_catalog().find("gqa")
    attempt = folder / "practice" / f"{gqa.id}.py"
    options = ["--track", "attention", "--level", "medium", "--minutes", "45"]
    seed = next(n for n in count() if first_kata(folder, n) == gqa.id)
    seat = Seat(folder, "interview", *options, "--seed", str(seed))
    seat.sees("The first question", gqa.id)
    seat.press("\r")
    seat.sees("not started yet")
    attempt.write_text(solution_with(gqa, load_card(gqa).mistakes[0]))
    seat.sees("claims hold")
    seat.press("h")
    picture("interview", "", seat.sees("hint 1 of 3"))
    shutil.copy(gqa.solution, attempt)
    seat.sees("the interviewer goes on")
    for number, key in enumerate("121", start=1):
        if number == 1:
            seat.press("\r")
        seat.sees(f"follow-up {number} of 3")
        seat.press(" ")
        shown = seat.sees("How well did you know it?")
        if number == 1:
            picture("follow-up", "", shown)
        seat.press(key)
    seat.leaves()
    run(folder, "interview", "--end")
    picture("report", "kata interview --report", run(folder, "interview", "--report"))


def main() -> None:
    catalog = load_catalog()
    # a path that says nothing of the machine
    folder = Path(tempfile.gettempdir()) / "you"
    (folder / "practice").mkdir(parents=True)
    try:
        practise(folder)
        gqa = catalog.find("gqa")
        (folder / "practice/attention/gqa.py").write_text(
            solution_with(gqa, load_card(gqa).mistakes[0])
        )
        picture("check", "kata check gqa", run(folder, "check", "gqa"))
        for columns in (80, 120, 200):
            shown = run(folder, "dashboard", columns=columns)
            picture(f"dashboard-{columns}", "kata dashboard", shown, columns)
        interview(folder)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
