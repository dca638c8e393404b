"""What a child has told so far, and the verdict that it amounts to."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from grader.judge import endings
from grader.judge.diagnosed import Diagnosis
from grader.judge.events import Events
from grader.judge.measured import Measured
from grader.judge.output import Output
from grader.judge.protocol import Failure, Result, Task, TestResult
from grader.judge.signer import Signer

# one message with its failure is far below; more is not the grader's
LONGEST_LINE = 1 << 22


class Record:
    """The messages of one child.

    Attributes:
        phase: "start", "load", "tests", "diagnosis" or "end".
        verdict, problem: What stopped or spoiled the check as a whole.
        complete: Whether all tests that could be judged were.
        diagnosis: Which mistake it is, once that is known.
    """

    def __init__(self, task: Task, events: Events) -> None:
        self._task, self._events = task, events
        self._signer = Signer(task.key)
        self._buffer = b""
        self._expected: list[str] = []
        self._finished: dict[str, TestResult] = {}
        self._running: str | None = None
        self._cpu = 0.0
        self._device = "cpu"
        self.phase = "start"
        self.verdict: str | None = None
        self.problem: Failure | None = None
        self.broken = False
        self.diagnosis: Diagnosis | None = None

    def feed(self, data: bytes) -> Iterator[str]:
        """Take what came; the type of each message that is the child's."""
        self._buffer += data
        *lines, self._buffer = self._buffer.split(b"\n")
        if len(self._buffer) > LONGEST_LINE:
            self._buffer = b""
        for line in lines:
            message = self._signer.read(line) if line else None
            if message:
                self._handle(message)
                yield str(message["type"])

    @property
    def complete(self) -> bool:
        return self.phase in ("diagnosis", "end")

    @property
    def whole(self) -> bool:
        """Whether every expected test is judged."""
        return len(self._finished) == len(self._expected)

    @property
    def where(self) -> str:
        """What the child is at, in words."""
        sizes = bool(self._task.sizes)
        return endings.where(self._running, importing=self.phase == "load", sizes=sizes)

    def _handle(self, message: dict[str, Any]) -> None:
        match message:
            case {"type": "collected", "tests": list(tests), "device": str(device)}:
                self.phase, self._expected, self._device = "load", tests, device
            case {"type": "started", "test": str(test)}:
                self.phase, self._running = "tests", test
            case {"type": "finished", "test": str(test)}:
                self._finish(test, message)
            case {"type": "problem", "verdict": str(verdict), "failure": dict(failure)}:
                self.verdict = verdict
                self.problem = self.problem or Failure.from_data(failure)
            case {"type": "broken", "failure": dict(failure)}:
                self.verdict, self.broken = "error", True
                self.problem = Failure.from_data(failure)
            case {"type": "ended", "cpu": float(cpu), "undecided": bool(undecided)}:
                self._cpu, self.phase = cpu, "diagnosis" if undecided else "end"
            case {"type": "diagnosis", "found": found}:
                self.diagnosis = found and Diagnosis.from_data(found)
                self.phase = "end"

    def _finish(self, test: str, message: dict[str, Any]) -> None:
        failure, measured = message.get("failure"), message.get("measured")
        result = TestResult(
            name=test,
            outcome=message["outcome"],
            seconds=message["seconds"],
            failure=failure and Failure.from_data(failure),
            measured=measured and Measured.from_data(measured),
        )
        if test != self._running or test in self._finished:
            # each expected test is reported once, after its start
            self.verdict = "failed"
            self.problem = Failure(f"the test {test} was reported twice or out of turn")
            return
        self._finished[test], self._running = result, None
        self._events.tested(result)

    def result(self, output: Output, seconds: float) -> Result:
        tests = []
        for number, name in enumerate(self._expected):
            test = self._finished.get(name)
            if test is None:
                # what ended the check happened in the test that ran
                ended = name == self._running and self.problem is not None
                outcome = (self.verdict or "failed") if ended else "unjudged"
                test = TestResult(name, outcome, failure=self.problem if ended else None)
            tests.append(replace(test, printed=output.of(number)))
        return Result(
            kata=self._task.kata,
            verdict=self.verdict or endings.verdict(tests, complete=self.complete),
            seed=self._task.seed,
            seconds=seconds,
            tests=tuple(tests),
            problem=self.problem,
            printed=output.of(-1),
            device=self._device,
            cpu=self._cpu,
            broken=self.broken,
            undecided=self.phase == "diagnosis",
            diagnosis=self.diagnosis,
        )
