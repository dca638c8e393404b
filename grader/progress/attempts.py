"""Every attempt that a person made at a kata: what was judged, and what lies in the history."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import accumulate
from pathlib import Path

from grader.content.catalog import Kata
from grader.progress.derive import Round, steps
from grader.progress.practice import Practice, stamped
from grader.progress.store import Event


@dataclass(frozen=True, slots=True)
class Attempt:
    """One text. Checks of the same text in a row that came to the same are one attempt.

    Attributes:
        number: 1 for the first.
        at: When it was last judged; for one that never was, when it made way for another.
        source: The sha256 of its text; empty if that was not kept.
        round: 1 for the first; 0 if it is of none.
        checks: 0 for one that lies as a file only.
        seconds: On the round's clock then; None where no clock ran.
        held, total: Claims.
        mistakes: Names of those that it was diagnosed with.
        file: The file that was judged if it was not the practice file, or that it lies in.
    """

    number: int
    at: float
    source: str
    round: int
    checks: int = 0
    seconds: float | None = None
    verdict: str | None = None
    held: int = 0
    total: int = 0
    mistakes: tuple[str, ...] = ()
    file: Path | None = None


@dataclass(frozen=True, slots=True)
class History:
    """Attributes:
    now: The practice file's bytes; None if there is none.
    given: The sha256 of texts that were handed out, not written: stubs, planted files.
    """

    attempts: tuple[Attempt, ...]
    rounds: tuple[Round, ...]
    now: bytes | None
    given: frozenset[str]

    @property
    def latest(self) -> Attempt | None:
        return self.attempts[-1] if self.attempts else None

    @property
    def same_as(self) -> Attempt | None:
        """The last attempt that is what the practice file says now."""
        now = None if self.now is None else digest(self.now)
        return next((one for one in reversed(self.attempts) if one.source == now), None)

    @property
    def untouched(self) -> bool:
        """Whether the practice file is as it was handed out."""
        return self.now is not None and digest(self.now) in self.given


def digest(data: bytes) -> str:
    """The key of a text in the store, where what is not UTF-8 was replaced."""
    return sha256(data.decode("utf-8", errors="replace").encode()).hexdigest()


def history(events: Iterable[Event], practice: Practice, kata: Kata) -> History:
    """All of a kata's attempts, in time."""
    judged: list[Attempt] = []
    rounds: list[Round] = []
    given = {digest(kata.stub.read_bytes())} if kata.stub.exists() else set()
    for event, state in steps(events, kata.id):
        rounds = state.rounds
        if event.kind == "checked":
            _add(judged, _judged(event, rounds))
        elif event.kind == "diagnosed" and judged:
            judged[-1] = replace(judged[-1], mistakes=tuple(event.data.get("mistakes", ())))
        elif "source" in event.data:
            given.add(event.data["source"])
    # what is in the history is there for its sake alone if it was never judged
    known = given | {one.source for one in judged}
    kept = {one.source: one for one in _kept(practice, kata, rounds) if one.source not in known}
    # one is not earlier than what was judged before it
    dated = [
        *zip(accumulate((one.at for one in judged), max), judged, strict=True),
        *((one.at, one) for one in kept.values()),
    ]
    dated.sort(key=lambda pair: pair[0])
    attempts = tuple(replace(one, number=n) for n, (_, one) in enumerate(dated, start=1))
    path = practice.attempt(kata)
    now = path.read_bytes() if path.is_file() else None
    return History(attempts, tuple(rounds), now, frozenset(given))


def _judged(event: Event, rounds: list[Round]) -> Attempt:
    data, this = event.data, rounds[-1]
    return Attempt(
        0,
        event.at,
        data.get("source", ""),
        len(rounds),
        checks=1,
        seconds=this.seconds if this.timed else None,
        verdict=data.get("verdict"),
        held=data.get("passed", 0),
        total=data.get("total", 0),
        file=Path(data["file"]) if "file" in data else None,
    )


def _add(judged: list[Attempt], one: Attempt) -> None:
    last = judged[-1] if judged else None
    if last is not None and one.source and _outcome(last) == _outcome(one):
        judged.pop()
        one = replace(one, checks=last.checks + 1, mistakes=last.mistakes)
    judged.append(one)


def _outcome(one: Attempt) -> tuple[object, ...]:
    return one.source, one.round, one.verdict, one.held, one.total, one.file


def _kept(practice: Practice, kata: Kata, rounds: list[Round]) -> Iterator[Attempt]:
    """Files of the history, and copies of the attempt that a sync tool made beside it."""
    folder = practice.attempt(kata).parent
    found = sorted((practice.history / kata.track / kata.slug).glob("*.py"))
    beside = re.compile(rf"{re.escape(kata.slug)}(?!\.debug)[ .(_].*conflict.*\.py", re.IGNORECASE)
    found += [path for path in sorted(folder.glob("*.py")) if beside.fullmatch(path.name)]
    for path in found:
        if not path.is_file():
            continue
        at = _when(path)
        number = sum(this.began <= at for this in rounds) or min(len(rounds), 1)
        yield Attempt(0, at, digest(path.read_bytes()), number, file=path)


def _when(path: Path) -> float:
    """When it was set aside, as its name says, or when it was written."""
    named = stamped(path.name)
    return path.stat().st_mtime if named is None else named
