"""Facts, appended to SQLite: what happened is never changed or deleted.

An append is on disk before it returns, so a process that is killed loses
nothing that it has shown. Rollback journal rather than WAL: a practice folder
may be synced, and then one file, with an empty journal at its side, is better than
three.
"""

import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from grader.errors import KataError
from grader.locking import locked
from grader.progress.practice import in_words

SCHEMA = 1
TABLES = """
create table events (
    id integer primary key autoincrement,
    at real not null,
    kind text not null,
    kata text not null,
    data text not null
);
create table sources (sha text primary key, text text not null);
"""
# what another process may hold the file for, under load
PATIENCE = 60.0

UNREADABLE = (sqlite3.DatabaseError, json.JSONDecodeError, UnicodeDecodeError)
# an OperationalError is mostly about the system; these words are about what is in the file
FOREIGN = ("malformed", "not a database", "no such", "already exists", "has no column")

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Event:
    """One fact.

    Attributes:
        at: Seconds since the epoch.
        kind: started, checked, diagnosed, hinted, gave_up, reset, paused, planned, imported.
        kata: An id, or nothing for what is of the whole folder.
        data: What else is known, by kind: see the functions that append it.
    """

    id: int
    at: float
    kind: str
    kata: str
    data: dict[str, Any]


class Store:
    """The events of one practice folder.

    Attributes:
        notice: What the person must know of the file, such as that a corrupt one
            was set aside; None mostly.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.notice: str | None = None

    def append(self, kind: str, kata: str, *, source: str | None = None, **data: Any) -> Event:
        """Add one event, and the attempt's source if there is one; durable on return."""
        at = time.time()

        def write(connection: sqlite3.Connection) -> int:
            if source is not None:
                data["source"] = sha256(source.encode()).hexdigest()
                connection.execute(
                    "insert or ignore into sources values (?, ?)", (data["source"], source)
                )
            cursor = connection.execute(
                "insert into events (at, kind, kata, data) values (?, ?, ?, ?)",
                (at, kind, kata, json.dumps(data)),
            )
            return cursor.lastrowid or 0

        return Event(self.perform(write), at, kind, kata, data)

    def events(self) -> list[Event]:
        """All events, in the order in which they happened."""
        if not self.path.exists():
            return []

        events = self.perform(read_events)
        if not any(event.kind == "imported" for event in events):
            return events
        from grader.progress.order import in_time

        return in_time(events)

    def source(self, sha: str) -> str | None:
        """The text of an attempt that was judged."""
        if not self.path.exists():
            return None

        def read(connection: sqlite3.Connection) -> str | None:
            row = connection.execute("select text from sources where sha = ?", (sha,)).fetchone()
            return row and str(row[0])

        return self.perform(read)

    def perform(self, action: Callable[[sqlite3.Connection], Answer]) -> Answer:
        """Run this in a transaction; again, with a new file, if this one cannot be read."""
        try:
            with self._transaction() as connection:
                return action(connection)
        except UNREADABLE as error:
            if not _of_its_content(error):
                raise self._trouble(error) from None
        self._set_aside()
        try:
            with self._transaction() as connection:
                return action(connection)
        except UNREADABLE as error:
            raise self._trouble(error) from None

    def _trouble(self, error: Exception) -> KataError:
        return KataError(
            f"{self.path}: {error}; nothing was lost. Make it a file in a folder that is "
            "writable, or set KATA_PRACTICE to another folder",
            code=3,
        )

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with in_words():
            self.path.parent.mkdir(parents=True, exist_ok=True)
        # nobody renames a file that is open: SQLite would take the next one's journal for its own
        with locked(self.path.parent, shared=True), self._connection() as db:
            yield db

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self.path, timeout=PATIENCE, isolation_level=None)) as db:
            # to delete the journal each time would take as long as some tests do
            db.execute("pragma journal_mode = truncate")
            db.execute("pragma synchronous = full")
            # immediate: to wait here for another writer, never to fail halfway
            db.execute("begin immediate")
            try:
                self._prepare(db)
                yield db
            except BaseException:
                if db.in_transaction:
                    db.execute("rollback")
                raise
            db.execute("commit")

    def _prepare(self, db: sqlite3.Connection) -> None:
        (version,) = db.execute("pragma user_version").fetchone()
        if version > SCHEMA:
            raise KataError(
                f"{self.path} was written by a newer kata (schema {version}, known {SCHEMA}): "
                "upgrade, or set KATA_PRACTICE to another folder"
            )
        if version == 0:
            for statement in filter(str.strip, TABLES.split(";")):
                db.execute(statement)
            db.execute(f"pragma user_version = {SCHEMA}")

    def _set_aside(self) -> None:
        """Rename a file that SQLite cannot read, so that practice goes on."""
        with locked(self.path.parent):
            if self._readable():
                # another process was here first
                return
            stamp = datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
            names = (f"progress.corrupt-{stamp}{suffix}.db" for suffix in ("", "-2", "-3", "-4"))
            # a rename would replace one that was kept in the same second
            free = (self.path.with_name(name) for name in names)
            kept = next(path for path in free if not path.exists())
            with suppress(FileNotFoundError):
                journal = self.path.with_name(self.path.name + "-journal")
                # an empty one belongs to nothing
                if journal.stat().st_size:
                    journal.rename(kept.with_name(kept.name + "-journal"))
            self.path.rename(kept)
        self.notice = (
            f"{self.path} could not be read. It is kept as {kept.name}, and a new one begins. "
            "Your attempts' files were not touched."
        )

    def _readable(self) -> bool:
        try:
            with self._connection() as db:
                (answer,) = db.execute("pragma quick_check(1)").fetchone()
                for (data,) in db.execute("select data from events"):
                    json.loads(data)
                return bool(answer == "ok")
        except UNREADABLE as error:
            if not _of_its_content(error):
                raise self._trouble(error) from None
            return False


def read_events(connection: sqlite3.Connection) -> list[Event]:
    """All events, in the order in which they were appended."""
    rows = connection.execute("select id, at, kind, kata, data from events order by id")
    return [Event(id, at, kind, kata, json.loads(data)) for id, at, kind, kata, data in rows]


def _of_its_content(error: Exception) -> bool:
    """Whether the file itself is to blame, not the system or another process."""
    if isinstance(error, sqlite3.OperationalError):
        return any(words in str(error) for words in FOREIGN)
    return True
