"""Records the README's pictures from real runs: python docs/pictures.py [CHECK_KATA].

Each command runs in a terminal of its own; what it writes becomes an SVG.
"""

import os
import pty
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

from grader.content.card import load_card, solution_with
from grader.content.catalog import load_catalog

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


def picture(name: str, command: str, output: str, columns: int = 100) -> None:
    with open(os.devnull, "w") as nowhere:
        out = Console(record=True, width=columns, file=nowhere, force_terminal=True)
        out.print(Text.assemble(("$ ", "bright_black"), (command, "bold")))
        out.print(Text.from_ansi(output.rstrip()))
        svg = out.export_svg(title="kata", theme=MONOKAI)
    (HERE / f"{name}.svg").write_text(FONT_FACES.sub("", svg), encoding="utf-8")


def practise(folder: Path) -> None:
    """Some days of practice: real checks, wrong ones before right ones."""
    catalog = load_catalog()
    days = [["sdpa", "rms-norm"], ["rope", "cross-entropy", "gae"], ["nucleus", "dpo"], ["gqa"]]
    for back, slugs in zip(range(len(days) - 1, -1, -1), days, strict=True):
        for slug in slugs:
            kata = catalog.find(slug)
            attempt = folder / "practice" / kata.track / f"{slug}.py"
            run(folder, "start", slug)
            attempt.write_text(solution_with(kata, load_card(kata).mistakes[0]))
            run(folder, "check")
            if slug != "gqa":
                shutil.copy(kata.solution, attempt)
                run(folder, "check")
        if back:
            # as if it had been so many days ago, at the pace of a person
            with sqlite3.connect(folder / "practice/.kata/progress.db") as db:
                db.execute("update events set at = at - ?", (DAY,))
    with sqlite3.connect(folder / "practice/.kata/progress.db") as db:
        first = dict(db.execute("select kata, min(at) from events group by kata"))
        for id, at, kata in db.execute("select id, at, kata from events").fetchall():
            pace = first[kata] + (at - first[kata]) * 1200
            db.execute("update events set at = ? where id = ?", (pace - 1500, id))


def main() -> None:
    catalog = load_catalog()
    with tempfile.TemporaryDirectory() as base:
        folder = Path(base)
        (folder / "practice").mkdir()
        practise(folder)
        gqa = catalog.find("gqa")
        (folder / "practice/attention/gqa.py").write_text(
            solution_with(gqa, load_card(gqa).mistakes[0])
        )
        picture("check", "kata check gqa", run(folder, "check", "gqa"))
        picture("dashboard", "kata dashboard", run(folder, "dashboard"))


if __name__ == "__main__":
    main()
