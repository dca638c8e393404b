"""A lock between processes, for what SQLite's own locks do not cover."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def try_lock(path: Path) -> Iterator[bool]:
    """Hold the lock file if nobody else does; whether it is held."""
    import fcntl

    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file; the system lets go of it if the process dies."""
    with path.open("a") as file:
        try:
            import fcntl
        except ImportError:
            # Windows, where a file that is open elsewhere cannot be renamed anyway
            yield
            return
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
