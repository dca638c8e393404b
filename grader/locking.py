"""A lock between processes, for what SQLite's own locks do not cover."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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
def locked(path: Path, *, shared: bool = False) -> Iterator[None]:
    """Hold a file or a folder, alone or with others; the system lets go if the process dies."""
    try:
        import fcntl
    except ImportError:
        # Windows, where a file that is open elsewhere cannot be renamed anyway
        yield
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        # some network file systems have no locks
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
