"""What the two processes of a check know of each other."""

import os
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from grader.content.card import Mistake
from grader.judge.diagnosed import Diagnosis
from grader.judge.measured import Measured
from grader.judge.output import plain

VERDICTS = ("passed", "failed", "error", "timeout", "crashed", "unimplemented", "skipped")
# of what is said of a failure: the lines, and the characters in one
FACTS, WIDTH = 20, 1000


@dataclass(frozen=True, slots=True)
class Limits:
    """What a check may use.

    Attributes:
        start: Seconds until torch is imported and the tests are collected.
        test: Seconds for one test, and for importing the attempt.
        total: Seconds for all of it, after the start.
        memory: Bytes beyond what torch itself takes.
        diagnosis: Seconds to find out which mistake it is, once the verdict stands.
    """

    start: float = 120.0
    test: float = 10.0
    total: float = 60.0
    memory: int = 2 << 30
    diagnosis: float = 0.4


@dataclass(frozen=True, slots=True)
class Task:
    """One attempt to judge.

    Attributes:
        attempt: The path that the learner knows; its text is in source.
        stub, solution, tests: Paths of the kata's files.
        device: "cpu", "cuda" or "auto", which is cuda for kernels where there is one.
        key: Signs the child's messages, in hexadecimal.
        secrets: Folders that the attempt may not look into.
        mistakes: What a failing attempt is compared with.
        folder: An empty folder of this check's own, its working directory; made by the pool.
        patient: Whether the verdict may wait for what a diagnosis needs: nobody reads it first.
        brief: Whether to end once it is known that it fails, and whether by a claim.
        sizes: What to measure it at, in place of judging it.
        seconds: How long to take its time at each of these; 0 to see that it runs.
    """

    kata: str
    attempt: str
    source: str
    stub: str
    solution: str
    tests: str
    seed: int
    key: str
    secrets: tuple[str, ...]
    folder: str = ""
    device: str = "auto"
    forbids: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    mutates: tuple[str, ...] = ()
    mistakes: tuple[Mistake, ...] = ()
    limits: Limits = field(default_factory=Limits)
    patient: bool = False
    brief: bool = False
    sizes: tuple[int, ...] = ()
    seconds: float = 0.0

    @property
    def mark(self) -> bytes:
        """What stands before a test's number between the outputs of two tests.

        The folder's name is random, so it does not come up by chance.
        """
        return b"\x00kata-test:" + self.folder.encode() + b":"

    @property
    def trace(self) -> str:
        """Where the child writes its last position: beside its folder, not in it."""
        return os.path.join(os.path.dirname(self.folder), "trace")

    def to_data(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> "Task":
        """From what JSON gives back."""
        limits = Limits(**data.pop("limits"))
        mistakes = tuple(Mistake(**_tuples(each)) for each in data.pop("mistakes"))
        return cls(**_tuples(data), mistakes=mistakes, limits=limits)


def _tuples(data: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(v) if isinstance(v, list) else v for name, v in data.items()}


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a claim does not hold, in words for the learner.

    Attributes:
        headline: What is wrong, in one line.
        facts: Where and by how much, a line each.
        inputs: What went into the last call, a line each.
        trace: Lines of the learner's own file, as (line number, function, text).
        unimplemented: NotImplementedError came from the attempt.
        raised: An exception ended the test, not a claim that does not hold.
    """

    headline: str
    facts: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    trace: tuple[tuple[int, str, str], ...] = ()
    unimplemented: bool = False
    raised: bool = False

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> "Failure":
        """From what JSON gives back; safe() makes its lists tuples."""
        return cls(**data).safe()

    def safe(self) -> "Failure":
        """Without what could harm a terminal, and cut to size: an attempt's words are in it."""
        facts = self.facts
        if len(facts) > FACTS:
            facts = (*facts[:FACTS], f"... {len(facts) - FACTS:,} lines not shown ...")
        return replace(
            self,
            headline=_cut(self.headline),
            facts=tuple(map(_cut, facts)),
            inputs=tuple(map(_cut, self.inputs)),
            trace=tuple((line, _cut(where), _cut(text)) for line, where, text in self.trace),
        )

    def lines(self) -> list[str]:
        trace = [f"line {line}, in {where}: {text}" for line, where, text in self.trace]
        return [self.headline, *self.facts, *self.inputs, *trace]


def _cut(text: str) -> str:
    if len(text) > WIDTH:
        text = f"{text[:WIDTH]}... {len(text) - WIDTH:,} characters not shown"
    return plain(text)


@dataclass(frozen=True, slots=True)
class TestResult:
    """One claim, judged.

    Attributes:
        name: The test's name, with its parameters: "test_matches_torch[float64]".
        outcome: passed, failed, timeout, crashed, unimplemented, skipped, or unjudged
            when the check ended before it.
        printed: What the attempt printed meanwhile, cut to size.
        measured: In a benchmark, where each size is a test, what was found.
    """

    # pytest would take the class for tests
    __test__ = False

    name: str
    outcome: str
    seconds: float = 0.0
    failure: Failure | None = None
    printed: str = ""
    measured: Measured | None = None

    @property
    def claim(self) -> str:
        """The name as a sentence."""
        name, _, parameters = self.name.partition("[")
        words = name.removeprefix("test_").replace("_", " ")
        sentence = words[:1].upper() + words[1:]
        case = parameters.removesuffix("]").replace("torch.", "")
        return f"{sentence} ({case})" if case else sentence

    @property
    def message(self) -> str:
        return "\n".join(self.failure.lines()) if self.failure else ""


@dataclass(frozen=True, slots=True)
class Result:
    """A verdict, and what led to it.

    Attributes:
        tests: Every expected test, once, in the order of the file.
        problem: What stopped the check as a whole: the file does not load, a clock ran
            out, the process ended.
        printed: What was printed while the file was loaded.
        device: Where it ran: "cpu", "cuda", or "cpu, interpreted" for kernels.
        cpu: Seconds of processor time that the tests took, imports left out.
        broken: The judge itself failed, not the attempt.
        undecided: Which mistake it is was not yet looked into.
    """

    kata: str
    verdict: str
    seed: int
    seconds: float = 0.0
    tests: tuple[TestResult, ...] = ()
    problem: Failure | None = None
    printed: str = ""
    device: str = "cpu"
    cpu: float = 0.0
    broken: bool = False
    undecided: bool = False
    diagnosis: Diagnosis | None = None

    @property
    def passed(self) -> bool:
        return self.verdict == "passed"

    @property
    def message(self) -> str:
        return "\n".join(self.problem.lines()) if self.problem else ""

    def to_data(self) -> dict[str, Any]:
        """The object that --json prints."""
        return {
            "kata": self.kata,
            "verdict": self.verdict,
            "tests": [
                {
                    "name": test.name,
                    "outcome": test.outcome,
                    "seconds": round(test.seconds, 4),
                    "message": test.message,
                }
                for test in self.tests
            ],
            "seed": self.seed,
            "seconds": round(self.seconds, 3),
            "message": self.message,
            "device": self.device,
            "diagnosis": self.diagnosis and self.diagnosis.to_data(),
        }
