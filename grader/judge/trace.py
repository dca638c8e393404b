"""Where in the learner's file a process was when it hung or crashed."""

import re
from pathlib import Path

from grader.judge.protocol import Task

FRAME = re.compile(r'^  File "(?P<file>.*)", line (?P<line>\d+) in (?P<where>.*)$')
SHOWN = 4


def learner_lines(path: Path, task: Task) -> tuple[tuple[int, str, str], ...]:
    """Read what faulthandler wrote: (line number, function, text), the innermost last."""
    try:
        dump = path.read_text(errors="replace")
    except OSError:
        return ()
    source = task.source.splitlines()
    for thread in dump.split("\n\n"):
        frames = [match for line in thread.splitlines() if (match := FRAME.match(line))]
        # faulthandler shortens long paths from the left
        mine = [f for f in frames if f["file"] == task.attempt]
        if mine:
            return tuple(
                (number, frame["where"], _text(source, number))
                for frame in reversed(mine[:SHOWN])
                if (number := int(frame["line"]))
            )
    return ()


def _text(source: list[str], number: int) -> str:
    return source[number - 1].strip() if 0 < number <= len(source) else ""
