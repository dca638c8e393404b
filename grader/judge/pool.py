"""Judges many tasks, some at once, in one thread: each in a child with a folder of its own."""

import selectors
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from grader.judge.cold import Child
from grader.judge.protocol import Result, Task

if TYPE_CHECKING:
    # psutil is imported while the first child imports torch
    from grader.judge.supervisor import Listener, Supervision

# how soon the end of a child and the passing of a limit are seen
BEAT = 0.02


class Pool:
    """Children at work.

    Use as a context: on its way out, whatever way, no child is left.
    """

    def __init__(self, launch: Callable[[Task], Child]) -> None:
        self._launch = launch
        self._selector = selectors.DefaultSelector()
        self._running: dict[int, tuple[Task, Supervision]] = {}

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, *_: object) -> None:
        for task, watch in list(self._running.values()):
            watch.cancel()
            self._clear(task)
        self._running.clear()
        self._selector.close()

    def __len__(self) -> int:
        return len(self._running)

    def start(self, task: Task, listener: "Listener | None" = None) -> None:
        """Launch a child for the task."""
        base = tempfile.mkdtemp(prefix="kata-")
        folder = Path(base, "work")
        folder.mkdir()
        task = replace(task, folder=str(folder))
        child = self._launch(task)

        from grader.judge import processes
        from grader.judge.supervisor import Supervision

        processes.adopt_orphans()
        watch = Supervision(task, child, lambda: frozenset(self._running), listener)
        self._running[child.pid] = task, watch
        for pipe in watch.pipes:
            self._selector.register(pipe, selectors.EVENT_READ, watch)

    def step(self) -> Iterator[tuple[Task, Result]]:
        """Wait a moment for something to happen; what has ended since."""
        for key, _ in self._selector.select(BEAT):
            if not key.data.read(key.fd):
                self._selector.unregister(key.fd)
        for pid, (task, watch) in list(self._running.items()):
            watch.tick(self._forget)
            if watch.result is not None:
                del self._running[pid]
                self._clear(task)
                yield task, watch.result

    def run(
        self,
        tasks: Iterable[Task],
        jobs: int = 1,
        listener: "Listener | None" = None,
    ) -> Iterator[tuple[Task, Result]]:
        """Judge all, at most so many at once; each result as it comes."""
        waiting = iter(tasks)
        more = True
        while more or self._running:
            while more and len(self._running) < jobs:
                task = next(waiting, None)
                more = task is not None
                if task is not None:
                    self.start(task, listener)
            yield from self.step()

    def _forget(self, pipe: int) -> None:
        """A pipe is about to be closed."""
        with suppress(KeyError):
            self._selector.unregister(pipe)

    def _clear(self, task: Task) -> None:
        shutil.rmtree(Path(task.folder).parent, ignore_errors=True)
