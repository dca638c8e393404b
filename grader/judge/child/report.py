"""The child's side of the report pipe."""

import os
from dataclasses import asdict
from typing import Any

from grader.judge.diagnosed import Diagnosis
from grader.judge.measured import Measured
from grader.judge.protocol import Failure
from grader.judge.signer import Signer


class Reporter:
    """Sends signed messages; what an attempt writes to the pipe is not one."""

    __slots__ = ("_pipe", "_process", "_signer")

    def __init__(self, pipe: int, key: str) -> None:
        self._pipe, self._signer, self._process = pipe, Signer(key), os.getpid()

    def collected(self, tests: list[str], device: str) -> None:
        self._send({"type": "collected", "tests": tests, "device": device})

    def started(self, test: str) -> None:
        self._send({"type": "started", "test": test})

    def finished(self, test: str, outcome: str, seconds: float, failure: Failure | None) -> None:
        message = {"type": "finished", "test": test, "outcome": outcome, "seconds": seconds}
        self._send(message | ({"failure": asdict(failure.safe())} if failure else {}))

    def measured(self, test: str, measured: Measured) -> None:
        """A size of a benchmark is done."""
        message = {"type": "finished", "test": test, "outcome": "passed", "seconds": 0.0}
        self._send(message | {"measured": asdict(measured)})

    def problem(self, verdict: str, failure: Failure) -> None:
        """What stops or spoils the check as a whole."""
        self._send({"type": "problem", "verdict": verdict, "failure": asdict(failure.safe())})

    def broken(self, failure: Failure) -> None:
        """The judge itself failed, before there was an attempt."""
        self._send({"type": "broken", "failure": asdict(failure)})

    def ended(self, cpu: float, *, undecided: bool) -> None:
        """The verdict stands.

        Args:
            cpu: Seconds of processor time that the tests took.
            undecided: Whether a diagnosis follows.
        """
        self._send({"type": "ended", "cpu": cpu, "undecided": undecided})

    def diagnosis(self, found: Diagnosis | None) -> None:
        self._send({"type": "diagnosis", "found": found and asdict(found)})

    def _send(self, message: dict[str, Any]) -> None:
        if os.getpid() != self._process:
            # an attempt that forks has no second judge
            os._exit(1)
        data = self._signer.sign(message)
        try:
            while data:
                data = data[os.write(self._pipe, data) :]
        except OSError:
            # the attempt has closed the pipe: nothing that is judged from here on can be told
            os._exit(1)
