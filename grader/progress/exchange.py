"""Events and sources in bulk: all that leaves a folder's log, and what is merged into one."""

import json
import shutil
import sqlite3
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from grader.errors import KataError
from grader.progress.order import IMPORTED, in_time
from grader.progress.store import SCHEMA, Event, Store, read_events


@dataclass(frozen=True, slots=True)
class Log:
    """What happened in a folder, as it happened, and the texts that were judged, by sha256."""

    events: tuple[Event, ...]
    sources: dict[str, str]


@dataclass(frozen=True, slots=True)
class Merged:
    """How many events and texts were new, and how many events were there already."""

    events: int
    known: int
    sources: int


def read_log(store: Store) -> Log:
    """All of it, as it is at one moment; what tells of imports is this folder's alone."""
    if not store.path.exists():
        return Log((), {})
    return store.perform(_read)


def merge(store: Store, log: Log, origin: str) -> Merged:
    """Append what is not there yet, all or nothing.

    Args:
        origin: The name of the file that it comes from.
    """

    def write(db: sqlite3.Connection) -> Merged:
        here = Counter(_key(event) for event in read_events(db))
        new = []
        for event in log.events:
            key = _key(event)
            here[key] -= 1
            if here[key] < 0:
                new.append(event)
        before = db.total_changes
        db.executemany("insert or ignore into sources values (?, ?)", log.sources.items())
        sources = db.total_changes - before
        ids = [_append(db, event.at, event.kind, event.kata, event.data) for event in new]
        if ids:
            block = {"first": ids[0], "last": ids[-1], "from": origin}
            _append(db, time.time(), IMPORTED, "", block)
        return Merged(len(ids), len(log.events) - len(ids), sources)

    return store.perform(write)


def read_database(path: Path) -> Log:
    """The log in a progress file of another folder, or in a copy that a sync tool made.

    Raises:
        KataError: It is no progress file, a newer one, or damaged.
    """
    with TemporaryDirectory() as folder:
        # SQLite may write to what it opens, and to what lies beside it
        copy = Path(folder) / "progress.db"
        try:
            shutil.copyfile(path, copy)
            journal = path.with_name(f"{path.name}-journal")
            if journal.exists():
                shutil.copyfile(journal, copy.with_name("progress.db-journal"))
        except OSError as error:
            raise KataError(f"{path}: {error.strerror}") from None
        try:
            with closing(sqlite3.connect(copy)) as db:
                return _checked(db, path)
        except (sqlite3.DatabaseError, ValueError, KeyError, TypeError) as error:
            raise KataError(f"{path} is no progress file, or damaged: {error}") from None


def _checked(db: sqlite3.Connection, path: Path) -> Log:
    (version,) = db.execute("pragma user_version").fetchone()
    if version > SCHEMA:
        raise KataError(
            f"{path} was written by a newer kata (schema {version}, known {SCHEMA}): upgrade"
        )
    (answer,) = db.execute("pragma quick_check(1)").fetchone()
    if answer != "ok":
        raise ValueError(answer)
    log = _read(db)
    for sha, text in log.sources.items():
        if sha256(text.encode()).hexdigest() != sha:
            raise ValueError(f"the text of {sha[:12]} is another")
    return log


def _read(db: sqlite3.Connection) -> Log:
    events = tuple(event for event in in_time(read_events(db)) if event.kind != IMPORTED)
    return Log(events, dict(db.execute("select sha, text from sources order by sha").fetchall()))


def _append(
    db: sqlite3.Connection, at: float, kind: str, kata: str, data: dict[str, object]
) -> int:
    facts = (at, kind, kata, json.dumps(data))
    cursor = db.execute("insert into events (at, kind, kata, data) values (?, ?, ?, ?)", facts)
    return cursor.lastrowid or 0


def _key(event: Event) -> tuple[float, str, str, str]:
    return event.at, event.kind, event.kata, json.dumps(event.data, sort_keys=True)
