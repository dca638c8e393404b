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
        self._lines = _Stream(self._meter, line_buffering=True)
        self._blocks = _Stream(self._meter, line_buffering=False)
        sys.stdout = sys.stderr = self._lines

    def new_test(self, number: int) -> None:
        """Begin the output of a test."""
        self.flush()
        self._meter.written = 0
        sys.stdout = sys.stderr = self._lines
        # the attempt may have closed it
        with suppress(OSError):
            os.write(1, self._mark + str(number).encode() + b"\n")

    def flush(self) -> None:
        for stream in (self._lines, self._blocks):
            # the attempt may have detached it
            with suppress(ValueError, OSError):
                stream.flush()

    def silence(self) -> None:
        """Nothing that is printed from here on reaches the parent."""
        self.flush()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)

    def flooded(self) -> None:
        # a stream cannot be changed while it writes: the next print takes the other one
        if sys.stdout is self._lines:
            sys.stdout = self._blocks
        if sys.stderr is self._lines:
            sys.stderr = self._blocks


class _Stream(io.TextIOWrapper):
    def __init__(self, meter: "_Meter", *, line_buffering: bool) -> None:
        buffer: Any = io.BufferedWriter(cast("Any", meter), 1 << 13)
        super().__init__(buffer, "utf-8", "replace", line_buffering=line_buffering)

    def close(self) -> None:
        """Stays open: the next test prints as well."""
        self.flush()


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
