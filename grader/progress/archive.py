"""One file that holds all of a practice folder: what is in it, and how it is read.

A zip of
manifest.json    format, the kata that wrote it, counts; sha256 and time of every other member
events.jsonl     a line each, as they happened
sources/SHA.py   the texts that were judged
files/...        attempts, debug files, notes, history, by their paths in the practice folder
"""

import json
import math
import os
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import IO, Any

from grader.errors import KataError
from grader.progress.exchange import Log
from grader.progress.store import Event

FORMAT = 1
KIND = "kata export"
MANIFEST, EVENTS, SOURCES, FILES = "manifest.json", "events.jsonl", "sources/", "files/"
HISTORY = ".kata/history/"
# seconds since the epoch that every system can tell as a date
LATEST = 2**33
# what zipfile raises for what is not as it should be
DAMAGED = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, RuntimeError, ValueError,
    ArithmeticError, KeyError, TypeError, AttributeError,
)  # fmt: skip
# those with a meaning of their own in a path of Windows, and what no person types
SIGNS = re.compile(r"[\\:\x00-\x1f\x7f]" if os.name == "nt" else r"[\\\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class File:
    """Attributes:
    name: Its path in the practice folder, with slashes.
    at: When it was last written, in seconds since the epoch.
    """

    name: str
    at: float


class Archive:
    """An archive that was found whole."""

    def __init__(self, opened: zipfile.ZipFile, log: Log, files: tuple[File, ...]) -> None:
        self._opened, self.log, self.files = opened, log, files

    def open(self, file: File) -> IO[bytes]:
        return self._opened.open(FILES + file.name)


def fits(name: str) -> bool:
    """Whether a file of this name may come out of an archive: inside, not hidden, anywhere."""
    parts = name.removeprefix(HISTORY).split("/")
    hidden = any(part.startswith(".") or not part.strip() for part in parts)
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return len(parts) > 1 and not hidden and not SIGNS.search(name)


@contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """An archive, once every member of it was compared with the manifest.

    Raises:
        KataError: It is none, a newer one, or not whole.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise KataError(f"{path}: {error.strerror}") from None
    with file:
        try:
            found = zipfile.ZipFile(file)
            archive = _verified(found, _manifest(found, path))
        except DAMAGED as error:
            why = str(error) or type(error).__name__
            words = f"{path} is damaged, or no kata export: {why}. Nothing was changed"
            raise KataError(words) from None
        yield archive


def _manifest(found: zipfile.ZipFile, path: Path) -> dict[str, Any]:
    if MANIFEST not in found.namelist():
        raise KataError(f"{path} is no kata export: it has no {MANIFEST}. Nothing was changed")
    manifest: dict[str, Any] = json.loads(found.read(MANIFEST))
    if manifest["kind"] != KIND:
        raise ValueError(f"it says that it is {manifest['kind']!r}")
    if manifest["format"] > FORMAT:
        raise KataError(
            f"{path} was written by a newer kata ({manifest['kata']}, format "
            f"{manifest['format']}, known {FORMAT}): upgrade. Nothing was changed"
        )
    return manifest


def _verified(found: zipfile.ZipFile, manifest: dict[str, Any]) -> Archive:
    members: dict[str, dict[str, Any]] = manifest["members"]
    names = found.namelist()
    if sorted(names) != sorted([*members, MANIFEST]):
        odd = set(names) ^ {*members, MANIFEST} or {name for name in names if names.count(name) > 1}
        raise ValueError(f"its manifest and its members differ in {min(odd)!r}")
    files, sources, lines = [], {}, b""
    for name, facts in members.items():
        digest, whole = sha256(), bytearray()
        with found.open(name) as member:
            for chunk in iter(lambda member=member: member.read(1 << 20), b""):  # type: ignore[misc]
                digest.update(chunk)
                if not name.startswith(FILES):
                    whole += chunk
        if digest.hexdigest() != facts["sha256"]:
            raise ValueError(f"{name!r} is not what was exported")
        if name == EVENTS:
            lines = bytes(whole)
        elif name == f"{SOURCES}{facts['sha256']}.py":
            sources[facts["sha256"]] = whole.decode()
        elif name.startswith(FILES) and fits(name.removeprefix(FILES)):
            if not 0 <= facts["at"] < LATEST:
                raise ValueError(f"{name!r} has no time of this world")
            files.append(File(name.removeprefix(FILES), facts["at"]))
        else:
            raise ValueError(f"{name!r} does not belong into a practice folder")
    events = tuple(_event(json.loads(line)) for line in lines.splitlines())
    counts = {"events": len(events), "sources": len(sources), "files": len(files)}
    if counts != manifest["counts"]:
        raise ValueError(f"it holds {counts}, not {manifest['counts']}")
    return Archive(found, Log(events, sources), tuple(files))


def _event(line: dict[str, Any]) -> Event:
    event = Event(0, line["at"], line["kind"], line["kata"], line["data"])
    right = isinstance(event.at, float | int) and math.isfinite(event.at)
    if not (
        right and isinstance(event.kind, str) and isinstance(event.kata, str)
        and isinstance(event.data, dict)
    ):  # fmt: skip
        raise ValueError(f"an event is not as it should be: {line}")
    return event
