"""Starts a fresh Python for one task: torch is imported anew, a second and more."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock

from grader.judge.protocol import Task

# children of this process that are at work, in whichever thread: all others are orphans
at_work: set[int] = set()
# a child is among those before anybody looks for orphans
starting = Lock()


@dataclass(frozen=True, slots=True)
class Child:
    """A process that judges one task.

    Attributes:
        reports, output: What to read from: signed messages, and all that it prints.
        poll: Its exit status, negative for a signal, or None while it runs.
    """

    pid: int
    reports: int
    output: int
    poll: Callable[[], int | None]


def start_cold(task: Task) -> Child:
    reports, reports_end = os.pipe()
    output, output_end = os.pipe()
    process = subprocess.Popen(
        # -P: no folder of the learner's shadows a module of the standard library
        [sys.executable, "-P", "-m", "grader.judge.child", str(reports_end), str(os.getpid())],
        stdin=subprocess.PIPE,
        stdout=output_end,
        stderr=output_end,
        pass_fds=(reports_end,),
        cwd=task.folder,
        start_new_session=True,
    )
    os.close(reports_end)
    os.close(output_end)
    assert process.stdin
    # if it ended already, what it printed says why
    with suppress(BrokenPipeError):
        process.stdin.write(json.dumps(task.to_data()).encode())
        process.stdin.close()
    return Child(process.pid, reports, output, process.poll)
