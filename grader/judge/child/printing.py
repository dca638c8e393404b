"""What the attempt prints, on its way to the parent: at once, and cheap in floods."""

import io
import os
import sys
from contextlib import suppress
from typing import Any, cast

# beyond this, a test's output is gathered into blocks: the parent shows less than this of it
PROMPT = 1 << 16


class Printing:
    """Replaces stdout and stderr by streams that reach the parent line by line.

    An attempt that hangs has shown its last line before it is killed. One that
    prints ten million lines makes no system call for each.
    """

    def __init__(self, mark: bytes) -> None:
        self._mark = mark
        self._meter = _Meter(self)
        self._stream = io.TextIOWrapper(
            cast("Any", io.BufferedWriter(cast("Any", self._meter), 1 << 13)),
            encoding="utf-8",
            errors="replace",
            line_buffering=True,
        )
        sys.stdout = sys.stderr = self._stream

    def new_test(self, number: int) -> None:
        """Begin the output of a test."""
        self.flush()
        self._meter.written = 0
        # the attempt may have closed any of them
        with suppress(ValueError, OSError):
            os.write(1, self._mark + str(number).encode() + b"\n")
            self._stream.reconfigure(line_buffering=True)

    def flush(self) -> None:
        # the attempt may have closed it
        with suppress(ValueError, OSError):
            self._stream.flush()

    def flooded(self) -> None:
        self._stream.reconfigure(line_buffering=False)


class _Meter(io.RawIOBase):
    def __init__(self, printing: Printing) -> None:
        self._printing, self.written = printing, 0

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return 1

    def write(self, data: bytes) -> int:  # type: ignore[override]
        view = memoryview(data)
        sent = os.write(1, view)
        before, self.written = self.written, self.written + sent
        if before < PROMPT <= self.written:
            self._printing.flooded()
        return sent
