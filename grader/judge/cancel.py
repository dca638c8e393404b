"""A way for one thread to end a check that another waits for."""

import os
from threading import Lock


class Cancelled(Exception):
    """The check was ended before its verdict: nothing came of it."""


class Cancellation:
    """Readable, for a selector, once it was asked for."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        self._over = False
        # one thread asks while another may be closing
        self._lock = Lock()

    def fileno(self) -> int:
        return self._read

    def cancel(self) -> None:
        with self._lock:
            if not self._over:
                os.write(self._write, b"x")

    def close(self) -> None:
        with self._lock:
            self._over = True
            os.close(self._read)
            os.close(self._write)

    def __enter__(self) -> "Cancellation":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
