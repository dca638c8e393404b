"""Putting an archive's files into a practice folder; what is there is never written over."""

import filecmp
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from grader.locking import locked
from grader.progress.archive import HISTORY, Archive, File
from grader.progress.practice import Practice, in_words, put, stamp

INCOMING = ".incoming"


@dataclass(frozen=True, slots=True)
class Kept:
    """A file that differs from the one here, and where it lies instead."""

    name: str
    path: Path


@dataclass(frozen=True, slots=True)
class Placed:
    """How many files are new here, how many were here already, and those beside another."""

    new: int
    same: int
    kept: tuple[Kept, ...]


def place(practice: Practice, archive: Archive) -> Placed:
    """Put each file where it was, or beside what is there now.

    Each has its name only when it is whole; to do all of it again completes what was killed.
    """
    new = same = 0
    kept = []
    with in_words():
        practice.history.mkdir(parents=True, exist_ok=True)
        # an import that was killed may have left a piece
        with locked(practice.history):
            part = practice.history / INCOMING
            for file in archive.files:
                part.unlink(missing_ok=True)
                with archive.open(file) as data, part.open("xb") as out:
                    shutil.copyfileobj(data, out)
                os.utime(part, (file.at, file.at))
                target, free = _settle(part, practice.root, file)
                new += free and target == practice.root / file.name
                same += not free
                if free and target != practice.root / file.name:
                    kept.append(Kept(file.name, target))
            part.unlink(missing_ok=True)
    return Placed(new, same, tuple(kept))


def _settle(part: Path, root: Path, file: File) -> tuple[Path, bool]:
    """Where the file lies, and whether it was not there before."""
    for name in _names(file):
        target = root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if put(part, target):
            return target, True
        if target.is_file() and filecmp.cmp(part, target, shallow=False):
            return target, False
    raise AssertionError("names do not end")


def _names(file: File) -> Iterator[str]:
    """Where it may go: its own place, then others, for there is another in it."""
    yield file.name
    path = PurePosixPath(file.name)
    if file.name.startswith(HISTORY):
        base, suffix = f"{path.parent}/{path.stem}_imported", path.suffix
    elif path.suffix == ".py" and len(path.parts) == 2:
        # an attempt, which kata history finds there
        base, suffix = f"{HISTORY}{path.with_suffix('')}/{stamp(file.at)}_imported", ".py"
    else:
        base, suffix = f"{path.with_suffix('')}.imported", path.suffix
    number = 1
    while True:
        yield f"{base}{suffix}" if number == 1 else f"{base}_{number}{suffix}"
        number += 1
