"""Earlier attempts: which there are, what they say, how two differ, and how one comes back."""

import difflib
import time
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from grader.cli.actions import gives_up
from grader.cli.desk import Desk
from grader.content.catalog import Kata
from grader.content.planting import handout
from grader.errors import KataError
from grader.progress.attempts import Attempt, History, digest
from grader.progress.attempts import history as read_history
from grader.progress.derive import KataState


@dataclass(frozen=True, slots=True)
class Recalled:
    """A kata's attempts.

    Attributes:
        path: The practice file.
    """

    kata: Kata
    path: Path
    history: History

    def to_data(self) -> dict[str, object]:
        """The object that --json prints."""
        now, same = self.history.now, self.history.same_as
        return {
            "kata": self.kata.id,
            "file": str(self.path) if now is not None else None,
            "same_as": same.number if same else None,
            "attempts": [attempt_data(one) for one in self.history.attempts],
            "rounds": [
                {
                    "round": number,
                    "began": this.began,
                    "ended": this.ended,
                    "solved": this.solved is not None and not this.given_up,
                    "given_up": this.given_up,
                    "seconds": round(this.seconds, 3) if this.timed else None,
                    "checks": this.checks,
                    "hints": this.hints,
                }
                for number, this in enumerate(self.history.rounds, start=1)
            ],
        }


def attempt_data(one: Attempt) -> dict[str, object]:
    seconds = None if one.seconds is None else round(one.seconds, 3)
    return asdict(one) | {"seconds": seconds, "file": str(one.file) if one.file else None}


def history(desk: Desk, kata: Kata) -> Recalled:
    found = read_history(desk.store.events(), desk.practice, kata)
    return Recalled(kata, desk.practice.attempt(kata), found)


def attempt(recalled: Recalled, number: int) -> Attempt:
    """The attempt of that number; raises KataError if there is none."""
    kata, attempts = recalled.kata, recalled.history.attempts
    if 1 <= number <= len(attempts):
        return attempts[number - 1]
    if not attempts:
        raise KataError(f"{kata.slug} has no attempts yet: kata start {kata.slug} begins")
    has = "1 attempt" if len(attempts) == 1 else f"{len(attempts)} attempts"
    raise KataError(f"{kata.slug} has {has}, there is no {number}: kata history {kata.slug}")


def text(desk: Desk, one: Attempt) -> bytes:
    """What an attempt says; raises KataError if that was not kept."""
    if not one.checks and one.file is not None:
        return one.file.read_bytes()
    found = desk.store.source(one.source) if one.source else None
    if found is None:
        raise KataError(f"the text of attempt {one.number} was not kept")
    return found.encode()


@dataclass(frozen=True, slots=True)
class Difference:
    """Attributes:
    before, after: What is compared, in words.
    diff: Unified; empty if no line differs.
    same: Whether they are the same to the byte.
    """

    kata: Kata
    before: str
    after: str
    diff: str
    same: bool


def difference(
    desk: Desk, kata: Kata, first: int | None, second: int | None, *, solution: bool = False
) -> Difference:
    """Between two attempts, or from the one before to an attempt or to the file.

    Args:
        first, second: Numbers of attempts; 0 is what was handed out.
        solution: Compare with the solution instead, once it may be seen.
    """
    recalled = history(desk, kata)
    if solution:
        return _to_solution(desk, recalled, first, second)
    if second is None:
        source, after = _one(desk, recalled, first)
        first = _before(recalled, source, first)
    else:
        _, after = _one(desk, recalled, second)
    _, before = _one(desk, recalled, first)
    return _compared(kata, before, after)


Side = tuple[str, bytes]


def _one(desk: Desk, recalled: Recalled, number: int | None) -> tuple[str, Side]:
    """The digest of an attempt or of the file, and what it is in words and bytes."""
    kata, now = recalled.kata, recalled.history.now
    if number == 0:
        words = "the file as it was planted" if kata.debug else "the stub"
        data = _given(desk, kata)
    elif number is not None:
        one = attempt(recalled, number)
        words, data = f"attempt {number}, {when(one.at)}", text(desk, one)
    elif now is None:
        raise KataError(
            f"{recalled.path} is not there; kata diff {kata.slug} 1 2 compares two attempts"
        )
    else:
        same = recalled.history.same_as
        words = f"{recalled.path.name}, which is attempt {same.number}" if same else ""
        words, data = words or f"{recalled.path.name} as it is now", now
    return digest(data), (words, data)


def _before(recalled: Recalled, source: str, number: int | None) -> int:
    """The number of the attempt before that says something else; 0 if there is none."""
    same = recalled.history.same_as
    last = number or (same.number if same else len(recalled.history.attempts) + 1)
    earlier = recalled.history.attempts[: max(last - 1, 0)]
    return next((one.number for one in reversed(earlier) if one.source != source), 0)


def _given(desk: Desk, kata: Kata) -> bytes:
    if not kata.debug:
        return kata.stub.read_bytes()
    from grader.cli import debugging

    return (desk.store.source(debugging.bugs_of(desk, kata).source) or "").encode()


def _to_solution(
    desk: Desk, recalled: Recalled, first: int | None, second: int | None
) -> Difference:
    kata = recalled.kata
    if second is not None:
        raise KataError("--solution is compared with one attempt: leave out the other")
    if gives_up(desk, kata):
        raise KataError(
            f"{kata.slug} is not solved; kata solution {kata.slug} shows the solution and gives it "
            "up, and then --solution compares"
        )
    _, before = _one(desk, recalled, first)
    code, stub = kata.solution.read_text("utf-8"), kata.stub.read_text("utf-8")
    # with the stub's docstrings, as an attempt has them
    return _compared(kata, before, ("the solution", handout(code, stub).encode()))


def _compared(kata: Kata, before: Side, after: Side) -> Difference:
    old, new = (side[1].decode("utf-8", errors="replace").splitlines() for side in (before, after))
    lines = difflib.unified_diff(old, new, before[0], after[0], lineterm="")
    return Difference(kata, before[0], after[0], "\n".join(lines), before[1] == after[1])


@dataclass(frozen=True, slots=True)
class Restored:
    """Attributes:
    kept: Where the file that was there went; None if there was none.
    same: Whether the file was that attempt already.
    rounds: How many there are.
    state: Of the kata, now.
    """

    kata: Kata
    path: Path
    attempt: Attempt
    kept: Path | None
    same: bool
    rounds: int
    state: KataState
    elapsed: float


def restore(desk: Desk, kata: Kata, number: int) -> Restored:
    """Put an attempt back as the practice file; the clock and the round stay as they are."""
    recalled = history(desk, kata)
    one = attempt(recalled, number)
    data = text(desk, one)
    same = recalled.history.now == data
    kept = None
    if not same:
        kept = desk.practice.set_aside(kata)
        path = desk.practice.place(kata, data)
        if path.read_bytes() != data:
            raise KataError(f"{path} was written meanwhile; kata history {kata.slug} has all")
    state = desk.state().of(kata.id)
    rounds, elapsed = len(recalled.history.rounds), state.elapsed(time.time())
    return Restored(kata, recalled.path, one, kept, same, rounds, state, elapsed)


def when(at: float) -> str:
    """2026-03-10 14:05."""
    return datetime.fromtimestamp(at).strftime("%Y-%m-%d %H:%M")
