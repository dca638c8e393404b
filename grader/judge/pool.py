"""Children at work: many at once, in one thread, each with a folder of its own."""

import os
import selectors
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from grader.judge.cold import Child, at_work, starting
from grader.judge.events import Events
from grader.judge.protocol import Result, Task

if TYPE_CHECKING:
    # psutil is imported while the first child imports torch
    from grader.judge.supervisor import Supervision

# how soon the end of a child and the passing of a limit are seen
BEAT = 0.02
# and the number of the process that clears it away
PREFIX = "kata-check-"


class Pool:
    """The children of one process.

    Use as a context: on its way out, whatever way, no child is left.

    Args:
        selector: Waits for the children's pipes, and for what else its owner waits for.
    """

    def __init__(self, selector: selectors.BaseSelector) -> None:
        self._selector = selector
        self._running: dict[int, Supervision] = {}

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, *_: object) -> None:
        for watch in list(self._running.values()):
            self.cancel(watch.task.key)
        clear_away()

    def __len__(self) -> int:
        return len(self._running)

    def start(
        self, task: Task, launch: Callable[[Task], Child], events: Events | None = None
    ) -> None:
        """Launch a child for the task."""
        events = events or Events()
        base = tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-")
        try:
            folder = Path(base, "work")
            folder.mkdir()
            task = replace(task, folder=str(folder))
            with starting:
                child = launch(task)
                at_work.add(child.pid)

            from grader.judge import processes
            from grader.judge.supervisor import Supervision

            processes.adopt_orphans()
            watch = Supervision(task, child, events)
            self._running[child.pid] = watch
        except BaseException:
            # interrupted before anybody watched it: the child ends with this process
            shutil.rmtree(base, ignore_errors=True)
            raise
        for pipe in watch.pipes:
            self._selector.register(pipe, selectors.EVENT_READ, watch)
        events.begun()

    def read(self, key: selectors.SelectorKey) -> None:
        """One of the children's pipes is ready."""
        if not key.data.read(key.fd):
            self._selector.unregister(key.fd)

    def beat(self) -> Iterator[tuple[Task, Result]]:
        """Look at every child's clocks, memory and end; what is over since the last look."""
        for pid, watch in list(self._running.items()):
            watch.tick()
            if watch.over:
                assert watch.result is not None
                self._part(pid, watch)
                yield watch.task, watch.result

    def cancel(self, key: str) -> None:
        """End the child that judges the task of this key, without a verdict."""
        for pid, watch in list(self._running.items()):
            if watch.task.key == key:
                watch.cancel()
                self._part(pid, watch)

    def forget(self) -> None:
        """In a fork: these children are not this process's."""
        for watch in self._running.values():
            for pipe in watch.pipes:
                os.close(pipe)
        self._running.clear()

    def _part(self, pid: int, watch: "Supervision") -> None:
        del self._running[pid]
        at_work.discard(pid)
        for pipe in watch.pipes:
            with suppress(KeyError):
                self._selector.unregister(pipe)
            os.close(pipe)
        shutil.rmtree(Path(watch.task.folder).parent, ignore_errors=True)


def clear_away() -> None:
    """Remove folders whose process was killed before it could."""
    with suppress(OSError), os.scandir(tempfile.gettempdir()) as entries:
        for entry in entries:
            if entry.name.startswith(PREFIX):
                from psutil import pid_exists

                owner = entry.name.removeprefix(PREFIX).partition("-")[0]
                if owner.isdigit() and not pid_exists(int(owner)):
                    shutil.rmtree(entry.path, ignore_errors=True)
