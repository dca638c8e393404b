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
from grader.judge.protocol import Failure, Result, Task, TestResult
from grader.judge.signer import Signer
from grader.judge.trace import learner_lines

CHUNK = 1 << 16
# one message with its failure is far below; more is not the grader's
LONGEST_LINE = 1 << 22
MEMORY_INTERVAL = 0.1
# for faulthandler to write down where the attempt is
LAST_WORDS = 0.3


class Supervision:
    """One child and what is known of it.

    Args:
        events: Told of each step.

    Attributes:
        pipes: The file descriptors to read from, messages and output.
        result: None until the verdict stands.
        over: Whether the child has gone, and all that it started.
    """

    def __init__(
        self,
        task: Task,
        child: Child,
        events: Events,
    ) -> None:
        self.task, self.pid = task, child.pid
        self.result: Result | None = None
        self.over = False
        self.pipes = {child.reports: self._read_reports, child.output: self._read_output}
        self._poll, self._events = child.poll, events
        self._signer = Signer(task.key)
        self._buffer = b""
        self._output = Output(task.mark)
        self._began = time.monotonic()
        self._deadline = self._began + task.limits.start
        self._end_of_all = float("inf")
        self._next_memory = self._began + 1.0
        self._baseline: int | None = None
        self._phase = "start"
        self._expected: list[str] = []
        self._finished: dict[str, TestResult] = {}
        self._running: str | None = None
        self._problem: Failure | None = None
        self._verdict: str | None = None
        self._complete = False
        self._broken = False
        self._cpu = 0.0
        self._device = "cpu"
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
        if self._complete and self.result is None:
            # a person waits for it: the end of the child comes after
            self._conclude()
        if self._complete or status is not None:
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

    # messages

    def _read_reports(self, data: bytes) -> None:
        self._buffer += data
        *lines, self._buffer = self._buffer.split(b"\n")
        if len(self._buffer) > LONGEST_LINE:
            self._buffer = b""
        for line in lines:
            message = self._signer.read(line) if line else None
            if message:
                self._handle(message)

    def _read_output(self, data: bytes) -> None:
        self._output.feed(data)

    def _handle(self, message: dict[str, object]) -> None:
        now = time.monotonic()
        self._deadline = now + self.task.limits.test
        match message:
            case {"type": "collected", "tests": list(tests), "device": str(device)}:
                self._phase, self._expected, self._device = "load", tests, device
                self._end_of_all = now + self.task.limits.total
                self._baseline = processes.resident_bytes(self.pid)
            case {"type": "started", "test": str(test)}:
                self._phase, self._running = "test", test
            case {"type": "finished", "test": str(test), "outcome": str(outcome)}:
                self._finish(test, outcome, message)
            case {"type": "problem", "verdict": str(verdict), "failure": dict(failure)}:
                self._verdict = verdict
                self._problem = self._problem or Failure.from_data(failure)
            case {"type": "broken", "failure": dict(failure)}:
                self._verdict, self._broken = "error", True
                self._problem = Failure.from_data(failure)
            case {"type": "ended", "cpu": float(cpu)}:
                self._complete, self._cpu = True, cpu

    def _finish(self, test: str, outcome: str, message: dict[str, object]) -> None:
        seconds, failure = message.get("seconds"), message.get("failure")
        assert isinstance(seconds, float)
        result = TestResult(
            name=test,
            outcome=outcome,
            seconds=seconds,
            failure=Failure.from_data(failure) if isinstance(failure, dict) else None,
        )
        if test != self._running or test in self._finished:
            # each expected test is reported once, after its start
            self._verdict = "failed"
            self._problem = Failure(f"the test {test} was reported twice or out of turn")
            return
        self._finished[test], self._running = result, None
        self._deadline = time.monotonic() + self.task.limits.test
        self._events.tested(result)

    # ends

    def _time_out(self, now: float) -> None:
        os.kill(self.pid, signal.SIGUSR1)
        time.sleep(LAST_WORDS)
        limits = self.task.limits
        if now > self._end_of_all:
            words = f"timed out: the tests took more than {limits.total:g} s in all"
        elif self._phase == "start":
            words = f"torch and the tests were not loaded within {limits.start:g} s"
        else:
            words = f"timed out after {limits.test:g} s {self._where()}"
        self._stop("timeout", words, "an endless loop, a sleep, or far too much work")

    def _check_memory(self) -> None:
        if self._baseline is None:
            return
        most = self._baseline + self.task.limits.memory
        if (
            processes.resident_bytes(self.pid) > most
            and processes.resident_bytes(self.pid, exact=True) > most
        ):
            os.kill(self.pid, signal.SIGUSR1)
            time.sleep(LAST_WORDS)
            limit = self.task.limits.memory / 2**30
            self._stop("failed", f"out of memory {self._where()}: more than {limit:.1f} GiB")

    def _stop(self, verdict: str, headline: str, *facts: str) -> None:
        self._verdict, self._problem = verdict, self._failure(headline, *facts)
        self._end()
        self._close(self._poll())

    def _close(self, status: int | None) -> None:
        """The child has said all, or has gone: no process is left behind."""
        self._end()
        status = self._reap(status)
        if self.result is None:
            self._conclude(status)
        self.over = True

    def _conclude(self, status: int | None = None) -> None:
        """The verdict stands."""
        for pipe in self.pipes:
            # what was written before the end is still in the pipe
            while self._drain(pipe):
                pass
        self._output.close()
        if not self._complete and self._problem is None:
            self._verdict, self._problem = self._explain(status or 0)
        elif self._problem is None and len(self._finished) < len(self._expected):
            self._problem = self._failure("the check ended before every test was judged")
        self.result = self._judge()
        self._events.judged(self.result)

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
        where = self._where()
        if self._phase == "start":
            said = self._output.of(-1).strip().splitlines()[-12:]
            self._broken = True
            return "error", Failure("the judge itself did not start", tuple(said))
        verdict, headline, *facts = endings.explain(status, where)
        return verdict, self._failure(headline, *facts)

    def _failure(self, headline: str, *facts: str) -> Failure:
        return Failure(headline, facts, trace=learner_lines(Path(self.task.trace), self.task))

    def _where(self) -> str:
        return endings.where(self._running, importing=self._phase == "load")

    def _judge(self) -> Result:
        tests = []
        for number, name in enumerate(self._expected):
            test = self._finished.get(name)
            if test is None:
                # what ended the check happened in the test that ran
                ended = name == self._running and self._problem is not None
                outcome = (self._verdict or "failed") if ended else "unjudged"
                test = TestResult(name, outcome, failure=self._problem if ended else None)
            tests.append(replace(test, printed=self._output.of(number)))
        return Result(
            kata=self.task.kata,
            verdict=self._verdict or endings.verdict(tests, complete=self._complete),
            seed=self.task.seed,
            seconds=time.monotonic() - self._began,
            tests=tuple(tests),
            problem=self._problem,
            printed=self._output.of(-1),
            device=self._device,
            cpu=self._cpu,
            broken=self._broken,
        )
