"""Ending a child and all that it started, wherever it went."""

import ctypes
import os
import signal
import sys
from contextlib import suppress

import psutil

from grader.judge.cold import at_work, starting

PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans() -> None:
    """Become the parent of what a child leaves behind, so that it can be found and ended.

    A process that forks twice and calls setsid is in no group or session of its
    check any more; on Linux it then comes to this process instead of to init.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_tree(pid: int) -> None:
    """Kill a child, its descendants, and the orphans that came to this process.

    The child is reaped by whoever waits for it, not here. Other checks of this
    process, which another thread may watch, are not touched, nor is a warm judge.
    """
    with suppress(ProcessLookupError, PermissionError):
        # the child leads a session of its own
        os.killpg(pid, signal.SIGKILL)
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    # each round may find what a killed process had started meanwhile
    for _ in range(50):
        victims = _descendants(pid) + _orphans(pid)
        if not victims:
            return
        for victim in victims:
            with suppress(psutil.Error):
                victim.kill()
        psutil.wait_procs(victims, timeout=0.2)


def resident_bytes(pid: int, *, exact: bool = False) -> int:
    """Memory of a child and its descendants.

    Args:
        exact: Count in the descendants their part of what processes share, which takes
            a thousand times as long: a fork shares nearly all.
    """
    total = 0
    with suppress(psutil.Error):
        root = psutil.Process(pid)
        total += int(root.memory_info().rss)
        for process in root.children(recursive=True):
            with suppress(psutil.Error):
                if exact:
                    memory = process.memory_full_info()
                    total += int(getattr(memory, "pss", memory.uss))
                else:
                    total += int(process.memory_info().rss)
    return total


def _descendants(pid: int) -> list[psutil.Process]:
    try:
        return list(psutil.Process(pid).children(recursive=True))
    except psutil.Error:
        return []


def _orphans(ended: int) -> list[psutil.Process]:
    if sys.platform != "linux":
        return []
    found = []
    with starting:
        strangers = [p for p in psutil.Process().children() if p.pid not in at_work | {ended}]
    for child in strangers:
        with suppress(psutil.Error):
            found += [child, *child.children(recursive=True)]
    return found
