"""Messages between the command line and a warm judge: JSON, one object a line.

To the judge: {"do": "judge", "task": {...}, "environment": {...}}, {"do": "status"} or
{"do": "stop"}. From it: {"test": {...}} for each test as it ends, then {"result": {...}},
and, if that says that it is undecided, {"diagnosis": {...}} or {"diagnosis": null}; or
{"busy": true}, or {"status": {...}}.
"""

import json
from dataclasses import asdict
from typing import Any

from grader.judge.diagnosed import Diagnosis
from grader.judge.measured import Measured
from grader.judge.protocol import Failure, Result, TestResult

# a task holds the attempt's source, a result what it printed
LONGEST = 64 << 20


def encode(message: dict[str, Any]) -> bytes:
    return json.dumps(message).encode() + b"\n"


def test_to_data(test: TestResult) -> dict[str, Any]:
    return asdict(test)


def test_from_data(data: dict[str, Any]) -> TestResult:
    failure, measured = data.pop("failure"), data.pop("measured")
    return TestResult(
        **data,
        failure=failure and Failure.from_data(failure),
        measured=measured and Measured.from_data(measured),
    )


def result_to_data(result: Result) -> dict[str, Any]:
    return asdict(result)


def result_from_data(data: dict[str, Any]) -> Result:
    tests = tuple(test_from_data(test) for test in data.pop("tests"))
    problem, diagnosis = data.pop("problem"), data.pop("diagnosis")
    return Result(
        **data,
        tests=tests,
        problem=problem and Failure.from_data(problem),
        diagnosis=diagnosis and Diagnosis.from_data(diagnosis),
    )


class Lines:
    """Cuts a stream into its lines."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[dict[str, Any]]:
        """The messages that are complete now; ValueError for what is none."""
        self._buffer += data
        if len(self._buffer) > LONGEST:
            raise ValueError("a message is too long")
        *lines, rest = self._buffer.split(b"\n")
        self._buffer = bytearray(rest)
        return [json.loads(line) for line in lines if line]
