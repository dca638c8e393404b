"""Where in the learner's file a process was when it hung or crashed."""

import re
from pathlib import Path

from grader.judge.protocol import Task

FRAME = re.compile(r'^  File "(?P<file>.*)", line (?P<line>\d+) in (?P<where>.*)$')
SHOWN = 4
LONGEST = 500


def learner_lines(path: Path, task: Task) -> tuple[tuple[int, str, str], ...]:
    """Read what faulthandler wrote: (line number, function, text), the innermost last."""
    try:
        dump = path.read_text(errors="replace")
    except OSError:
        return ()
    source, dumped = task.source.splitlines(), _dumped(task.attempt)
    for thread in dump.split("\n\n"):
        frames = [match for line in thread.splitlines() if (match := FRAME.match(line))]
        mine = [f for f in frames if f["file"] == dumped]
        if mine:
            return tuple(
                (number, frame["where"], _text(source, number))
                for frame in reversed(mine[:SHOWN])
                if (number := int(frame["line"]))
            )
    return ()


def _dumped(path: str) -> str:
    """A path as faulthandler writes it: in ASCII, and cut to 500 characters."""
    text = path[:LONGEST].encode("ascii", errors="backslashreplace").decode()
    return f"{text}..." if len(path) > LONGEST else text


def _text(source: list[str], number: int) -> str:
    return source[number - 1].strip() if 0 < number <= len(source) else ""
