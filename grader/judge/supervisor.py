"""Watches one child from its start to its end: its messages, its clocks, its memory.

A state machine without a loop of its own, so that one process can watch many.
"""

import os
import signal
import time
from dataclasses import replace
from pathlib import Path

from grader.judge import endings, processes
from grader.judge.cold import Child
from grader.judge.events import Events
from grader.judge.output import Output
from grader.judge.protocol import Failure, Result, Task
from grader.judge.record import Record
from grader.judge.trace import learner_lines

CHUNK = 1 << 16
MEMORY_INTERVAL = 0.1
# for faulthandler to write down where the attempt is
LAST_WORDS = 0.3
# for a diagnosis to come to its end
GRACE = 0.1


class Supervision:
    """One child and what is known of it.

    Args:
        events: Told of each step.

    Attributes:
        pipes: The file descriptors to read from, messages and output.
        result: None until the verdict stands.
        over: Whether the child has gone, and all that it started.
    """

    def __init__(self, task: Task, child: Child, events: Events) -> None:
        self.task, self.pid = task, child.pid
        self.result: Result | None = None
        self.over = False
        self.pipes = {child.reports: self._read_reports, child.output: self._read_output}
        self._poll, self._events = child.poll, events
        self._record = Record(task, events)
        self._output = Output(task.mark)
        self._began = time.monotonic()
        self._deadline = self._began + task.limits.start
        self._end_of_all = float("inf")
        self._next_memory = self._began + 1.0
        self._baseline: int | None = None
        for pipe in self.pipes:
            os.set_blocking(pipe, False)

    def read(self, pipe: int) -> bool:
        """Take what a pipe holds; False when it is at its end."""
        try:
            data = os.read(pipe, CHUNK)
        except BlockingIOError:
            return True
        if data:
            self.pipes[pipe](data)
        return bool(data)

    def tick(self) -> None:
        """See whether the child has ended or must end."""
        now = time.monotonic()
        status = self._poll()
        if self._record.complete and self.result is None:
            # a person waits for it: a diagnosis and the end of the child come after
            self._conclude()
        if status is not None or self._record.phase == "end":
            self._close(status)
        elif now > min(self._deadline, self._end_of_all):
            self._time_out(now)
        elif now > self._next_memory:
            self._next_memory = now + MEMORY_INTERVAL
            self._check_memory()

    def cancel(self) -> None:
        """End the child at once, without a verdict."""
        self._end()
        self._reap(None)

    def _end(self) -> None:
        processes.end_tree(self.pid)

    def _reap(self, status: int | None) -> int | None:
        deadline = time.monotonic() + 5
        while status is None and time.monotonic() < deadline:
            time.sleep(0.001)
            status = self._poll()
        return status

    def _read_output(self, data: bytes) -> None:
        if self.result is None:
            self._output.feed(data)

    def _read_reports(self, data: bytes) -> None:
        limits = self.task.limits
        for kind in self._record.feed(data):
            now = time.monotonic()
            self._deadline = now + limits.test
            if kind == "collected":
                self._end_of_all = now + limits.total
                self._baseline = processes.resident_bytes(self.pid)
            elif kind == "ended":
                self._end_of_all = now + limits.diagnosis + GRACE

    # ends

    def _time_out(self, now: float) -> None:
        if self.result is not None:
            # no diagnosis, then
            self._close(None)
            return
        os.kill(self.pid, signal.SIGUSR1)
        time.sleep(LAST_WORDS)
        limits = self.task.limits
        if now > self._end_of_all:
            words = f"timed out: the tests took more than {limits.total:g} s in all"
        elif self._record.phase == "start":
            words = f"torch and the tests were not loaded within {limits.start:g} s"
        else:
            words = f"timed out after {limits.test:g} s {self._record.where}"
        self._stop("timeout", words, "an endless loop, a sleep, or far too much work")

    def _check_memory(self) -> None:
        if self._baseline is None or self.result is not None:
            return
        most = self._baseline + self.task.limits.memory
        if (
            processes.resident_bytes(self.pid) > most
            and processes.resident_bytes(self.pid, exact=True) > most
        ):
            os.kill(self.pid, signal.SIGUSR1)
            time.sleep(LAST_WORDS)
            limit = self.task.limits.memory / 2**30
            words = f"out of memory {self._record.where}: more than {limit:.1f} GiB"
            self._stop("failed", words)

    def _stop(self, verdict: str, headline: str, *facts: str) -> None:
        self._record.verdict, self._record.problem = verdict, self._failure(headline, *facts)
        self._end()
        self._close(self._poll())

    def _close(self, status: int | None) -> None:
        """The child has said all, or has gone: no process is left behind."""
        self._end()
        status = self._reap(status)
        # a diagnosis may have come since the pipes were looked at
        self._read_rest()
        if self.result is None:
            self._conclude(status)
        assert self.result is not None
        self.result = replace(self.result, undecided=False, diagnosis=self._record.diagnosis)
        self.over = True

    def _conclude(self, status: int | None = None) -> None:
        """The verdict stands."""
        self._read_rest()
        self._output.close()
        record = self._record
        if not record.complete and record.problem is None:
            record.verdict, record.problem = self._explain(status or 0)
        elif record.problem is None and not record.whole:
            record.problem = self._failure("the check ended before every test was judged")
        self.result = record.result(self._output, time.monotonic() - self._began)
        self._events.judged(self.result)

    def _read_rest(self) -> None:
        """What was written before the end is still in the pipes."""
        for pipe in self.pipes:
            while self._drain(pipe):
                pass

    def _drain(self, pipe: int) -> bool:
        try:
            data = os.read(pipe, CHUNK)
        except BlockingIOError:
            return False
        if data:
            self.pipes[pipe](data)
        return bool(data)

    def _explain(self, status: int) -> tuple[str, Failure]:
        """Words for a child that ended before its work did."""
        if self._record.phase == "start":
            said = self._output.of(-1).strip().splitlines()[-12:]
            self._record.broken = True
            return "error", Failure("the judge itself did not start", tuple(said))
        verdict, headline, *facts = endings.explain(status, self._record.where)
        return verdict, self._failure(headline, *facts)

    def _failure(self, headline: str, *facts: str) -> Failure:
        return Failure(headline, facts, trace=learner_lines(Path(self.task.trace), self.task))
