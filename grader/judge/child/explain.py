"""Exceptions in words for the learner: what is wrong, and the lines of their own file."""

import re
import traceback
from types import TracebackType

import pytest

from grader.judge.child.attempt import Unfit
from grader.judge.child.guard import Trespass
from grader.judge.protocol import Failure
from grader.testing.ranks import RankError
from grader.testing.words import Mismatch, show

SHOWN = 6
Frames = list[tuple[str, int, str]]
# what is raised where a claim does not hold; all else is an error
CLAIMS = (AssertionError, pytest.fail.Exception, Trespass)
# how a rank tells of an error, not of a claim or of a wait in vain
RAISED = re.compile(r"(?!AssertionError)\w*(Error|Exception)\b|crashed")


class Explainer:
    """Knows which file is the learner's, and what the last assert compared."""

    def __init__(self, attempt: str, source: str) -> None:
        self._attempt, self._lines = attempt, source.splitlines()
        self._compared: tuple[str, object, object] | None = None

    def new_test(self) -> None:
        self._compared = None

    def compared(self, op: str, left: object, right: object) -> None:
        """What pytest tells of an assert that failed."""
        self._compared = op, left, right

    def failure(self, error: BaseException, inputs: tuple[str, ...] = ()) -> Failure:
        frames = _frames(error.__traceback__)
        if isinstance(error, RankError):
            mine = self._mine(error.frames)
            unbegun = error.headline.startswith("NotImplementedError")
            if unbegun and error.frames[-1][0] == self._attempt:
                return Failure("not implemented yet", trace=mine[-1:], unimplemented=True)
            headline = f"in rank {error.rank}: {error.headline}"
            raised = RAISED.match(error.headline) is not None
            return Failure(headline, error.facts, _inputs(inputs), mine, raised=raised)
        mine = self._mine(frames)
        if isinstance(error, Unfit):
            line = (error.line, "your file", self._text(error.line))
            return Failure(str(error), (self._attempt,), trace=(line,) if error.line else ())
        own = bool(frames) and frames[-1][0] == self._attempt
        if isinstance(error, NotImplementedError) and own:
            return Failure("not implemented yet", trace=mine[-1:], unimplemented=True)
        # an attempt's own assert is an exception like any other
        claim = isinstance(error, CLAIMS) and not (own and type(error) is AssertionError)
        headline, facts = self._words(error, claim)
        # a mismatch is found after the call: the lines that led there say nothing
        after = isinstance(error, Mismatch) and not own
        if isinstance(error, Mismatch) and error.__cause__ is not None:
            # the attempt ended the program: there is a line that did
            after, mine = False, self._mine(_frames(error.__cause__.__traceback__))
        return Failure(headline, facts, _inputs(inputs), () if after else mine, raised=not claim)

    def _words(self, error: BaseException, claim: bool) -> tuple[str, tuple[str, ...]]:
        if isinstance(error, Mismatch):
            return error.headline, error.facts
        if isinstance(error, Trespass):
            return str(error), ()
        said = _said(error)
        if isinstance(error, RecursionError):
            return "endless recursion: " + _first_line(said), ()
        if isinstance(error, MemoryError) or "can't allocate memory" in said:
            return "out of memory: " + _first_line(said), ()
        if type(error).__name__ == "BdbQuit":
            return "a debugger cannot be used here: nobody is at its terminal", ("print instead",)
        if isinstance(error, pytest.fail.Exception):
            return _outcome(str(error.msg)), ()
        if isinstance(error, AssertionError) and claim:
            return self._asserted(said)
        first, *rest = (said.strip() or type(error).__name__).splitlines()
        headline = f"{type(error).__name__}: {first}" if said.strip() else first
        return headline, tuple(line for line in rest[:4] if line.strip())

    def _asserted(self, said: str) -> tuple[str, tuple[str, ...]]:
        said = said.partition("\nassert ")[0]
        if said and not said.startswith("assert "):
            return _first_line(said), tuple(said.splitlines()[1:])
        if self._compared is None:
            return "this does not hold", ()
        op, left, right = self._compared
        got, want = (show(_plain(value)) for value in (left, right))
        words = {
            "==": f"expected {want}, got {got}",
            "is": f"expected {want}, got {got}",
            "!=": f"expected anything but {want}",
            "<": f"expected less than {want}, got {got}",
            "<=": f"expected at most {want}, got {got}",
            ">": f"expected more than {want}, got {got}",
            ">=": f"expected at least {want}, got {got}",
            "in": f"expected one of {want}, got {got}",
            "not in": f"expected none of {want}, got {got}",
        }
        return words.get(op, f"expected {op} {want}, got {got}"), ()

    def _mine(self, frames: Frames) -> tuple[tuple[int, str, str], ...]:
        mine = [
            (line, name, self._text(line)) for file, line, name in frames if file == self._attempt
        ]
        if len(mine) > SHOWN:
            # recursion: its ends say all
            mine = [*mine[:2], *mine[-2:]]
        return tuple(mine)

    def _text(self, line: int) -> str:
        return self._lines[line - 1].strip() if 0 < line <= len(self._lines) else ""


def _frames(tb: TracebackType | None) -> Frames:
    return [
        (frame.f_code.co_filename, line, frame.f_code.co_name)
        for frame, line in traceback.walk_tb(tb)
    ]


def _plain(value: object) -> object:
    """What pytest.approx was given, which reads better than its tolerances."""
    # _pytest.python_api up to pytest 8
    approximate = type(value).__module__ in ("_pytest.approx", "_pytest.python_api")
    return getattr(value, "expected", value) if approximate else value


def _inputs(inputs: tuple[str, ...]) -> tuple[str, ...]:
    return ("called with " + "; ".join(inputs),) if inputs else ()


def _outcome(message: str) -> str:
    """pytest.raises says DID NOT RAISE ValueError; up to pytest 8, <class 'ValueError'>."""
    if message.startswith("DID NOT RAISE"):
        names = re.findall(r"(\w+)(?:'>)?(?=[,)]|$)", message)
        return f"expected {' or '.join(names)} to be raised, but nothing was"
    return message


def _said(error: BaseException) -> str:
    try:
        return str(error)
    except BaseException as its:
        # an attempt's own class
        return f"(its __str__ raises {type(its).__name__})"


def _first_line(text: str) -> str:
    return (text.splitlines() or [""])[0]
