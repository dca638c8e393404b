"""The practice folder: where attempts lie, and what is kept of earlier ones.

practice/attention/gqa.py                      the attempt
practice/attention/gqa.debug.py                the file of a debug round
practice/attention/gqa.md                      the person's notes
practice/.kata/progress.db                     what happened
practice/.kata/history/attention/gqa/*.py      attempts that made way for a fresh stub
"""

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from grader.content.catalog import Kata
from grader.errors import KataError

SECONDS = "%Y-%m-%d_%H-%M-%S"
STAMP = re.compile(r"(\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d)(?:-(\d{3}))?(?!\d)")


@dataclass(frozen=True, slots=True)
class Practice:
    root: Path

    @property
    def state(self) -> Path:
        return self.root / ".kata"

    @property
    def database(self) -> Path:
        return self.state / "progress.db"

    @property
    def history(self) -> Path:
        return self.state / "history"

    def copies(self) -> list[Path]:
        """Progress files that a sync tool left beside ours, such as progress (conflict).db."""
        found = sorted(self.state.glob("progress*.db"))
        ours = ("progress.db", "progress.corrupt-")
        return [path for path in found if not path.name.startswith(ours)]

    def attempt(self, kata: Kata) -> Path:
        return self.root / kata.track / f"{kata.slug}.py"

    def place_stub(self, kata: Kata) -> Path:
        """Copy the stub where the attempt goes; an attempt that is there stays."""
        # read first: without a stub there is no empty attempt either
        return self.place(kata, kata.stub.read_text(encoding="utf-8"))

    def place(self, kata: Kata, text: str | bytes) -> Path:
        """Write this where the attempt goes; an attempt that is there stays."""
        path = self.attempt(kata)
        data = text if isinstance(text, bytes) else text.encode()
        with in_words():
            path.parent.mkdir(parents=True, exist_ok=True)
            # "x" never overwrites, whatever happens between a look and a write
            with suppress(FileExistsError), path.open("xb") as file:
                file.write(data)
        return path

    def set_aside(self, kata: Kata) -> Path | None:
        """Move the attempt to the history; None if there is none."""
        path = self.attempt(kata)
        if not path.exists():
            return None
        folder = self.history / kata.track / kata.slug
        with in_words():
            folder.mkdir(parents=True, exist_ok=True)
        name = stamp(time.time())
        for suffix in ("", *(f"_{n}" for n in range(2, 1000))):
            kept = folder / f"{name}{suffix}.py"
            try:
                # link and unlink, for a rename would replace a file of that name
                os.link(path, kept)
            except FileExistsError:
                continue
            except OSError:
                # a file system without hard links
                kept.write_bytes(path.read_bytes())
            path.unlink()
            return kept
        raise KataError(f"{folder}: too many attempts at one moment", code=3)


def put(source: Path, target: Path) -> bool:
    """Give a whole file its name unless that is taken; whether it was free."""
    try:
        os.link(source, target)
    except FileExistsError:
        return False
    except OSError:
        # a file system without hard links
        try:
            file = target.open("xb")
        except FileExistsError:
            return False
        with file:
            file.write(source.read_bytes())
    return True


def stamp(at: float) -> str:
    """A moment as a file's name tells it: 2026-03-01_09-30-00-125."""
    return datetime.fromtimestamp(at).strftime(f"{SECONDS}-%f")[:-3]


def stamped(name: str) -> float | None:
    """The moment in a file's name; to the second, as it was once, or to the millisecond."""
    found = STAMP.match(name)
    if found is None:
        return None
    seconds, milliseconds = found.groups()
    try:
        return datetime.strptime(seconds, SECONDS).timestamp() + int(milliseconds or 0) / 1000
    except ValueError:
        return None


@contextmanager
def in_words() -> Iterator[None]:
    """Turn an error of the file system, met while writing, into what to do about it."""
    try:
        yield
    except OSError as error:
        raise KataError(
            f"{error.filename}: {error.strerror}; nothing was lost. Make the folder writable, "
            "or set KATA_PRACTICE to one that is",
            code=3,
        ) from None


def find_practice() -> Practice:
    """$KATA_PRACTICE, else the nearest practice/ here or above, else one to be made here."""
    if chosen := os.environ.get("KATA_PRACTICE"):
        return Practice(Path(chosen).expanduser().absolute())
    here = Path.cwd()
    for folder in (here, *here.parents):
        if folder.name == "practice" and (folder / ".kata").is_dir():
            return Practice(folder)
        if (folder / "practice").is_dir():
            return Practice(folder / "practice")
    return Practice(here / "practice")
