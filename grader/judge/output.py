"""What an attempt prints: told apart by test, cut to size, made safe to show."""

import re

HEAD = 24_000
# no kata has as many; what claims to be the mark of a later one is an attempt's own
TESTS = 1000
TAIL = 4_000
LINES = 400

# escape sequences: CSI, OSC, which is on one line, and the short ones
ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)?|[ -/]*[0-~])")
# control characters, those that reverse text among them
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


class Transcript:
    """The bytes of one test: the first and the last of them, and how many are missing."""

    __slots__ = ("dropped", "head", "tail")

    def __init__(self) -> None:
        self.head, self.tail, self.dropped = bytearray(), bytearray(), 0

    def add(self, data: bytes) -> None:
        room = HEAD - len(self.head)
        if room > 0:
            self.head += data[:room]
            data = data[room:]
        if data:
            self.tail += data
            if len(self.tail) > TAIL:
                self.dropped += len(self.tail) - TAIL
                del self.tail[:-TAIL]

    def text(self) -> str:
        if not self.dropped:
            # as one: a character or an escape code may lie across the two
            return _cut_lines(clean(self.head + self.tail))
        head, tail = (_cut_lines(clean(part)) for part in (self.head, self.tail))
        return f"{head}\n... {self.dropped:,} bytes not shown ...\n{tail}"


class Output:
    """All that a child prints, as it comes, split at the marks between tests."""

    def __init__(self, mark: bytes) -> None:
        self._mark = mark
        self._pending = b""
        self._tests: dict[int, Transcript] = {}
        self._at = -1

    def feed(self, data: bytes) -> None:
        data = self._pending + data
        self._pending = b""
        while (start := data.find(self._mark)) >= 0:
            self._add(data[:start])
            after = data[start + len(self._mark) :]
            number, end, rest = after.partition(b"\n")
            if not end and len(number) < len(str(TESTS)):
                self._pending = data[start:]
                return
            if end and number.isdigit() and len(number) < len(str(TESTS)):
                self._at, data = int(number), rest
            else:
                # the attempt has guessed the mark
                data = after
        # a mark may be cut in two by the size of a read
        cut = next(
            (n for n in range(len(self._mark) - 1, 0, -1) if data.endswith(self._mark[:n])), 0
        )
        self._add(data[: len(data) - cut])
        self._pending = data[len(data) - cut :]

    def of(self, number: int) -> str:
        """What test number printed; -1 is what came before the first."""
        transcript = self._tests.get(number)
        return transcript.text() if transcript else ""

    def close(self) -> None:
        self._add(self._pending)
        self._pending = b""

    def _add(self, data: bytes) -> None:
        if data:
            self._tests.setdefault(self._at, Transcript()).add(data)


def clean(data: bytes | bytearray) -> str:
    return plain(bytes(data).decode("utf-8", errors="replace"))


def plain(text: str) -> str:
    """Text without escape codes and control characters, so that it cannot harm a terminal."""
    text = text.encode("utf-8", errors="replace").decode().replace("\r\n", "\n")
    return CONTROLS.sub("", ESCAPES.sub("", text))


def _cut_lines(text: str) -> str:
    lines = text.splitlines(keepends=True)
    if len(lines) <= LINES:
        return text
    missing = len(lines) - LINES
    return (
        "".join(lines[: LINES - 20])
        + f"... {missing:,} lines not shown ...\n"
        + "".join(lines[-20:])
    )
