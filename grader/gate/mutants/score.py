"""What becomes of a kata's mutants, and what that says of its tests."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from grader.content.card import load_card
from grader.content.catalog import Kata
from grader.errors import KataError
from grader.gate.mutants.make import Mutant
from grader.judge.judging import judge_tasks
from grader.judge.protocol import Limits, Result, Task
from grader.judge.tasks import new_seed, new_task

# a mutant that survives one may be caught under another
SEEDS = 3
# of a kata's mutants that do not crash
EACH = 0.80
# the lines that differ, in the solution and in the mutant
Change = tuple[str, str]


class Subject(NamedTuple):
    """A kata, its mutants, and what each of these may use.

    One that is marked as equivalent may use what any attempt may: it can be much slower.
    """

    kata: Kata
    mutants: Sequence[Mutant]
    limits: Limits


@dataclass(frozen=True, slots=True)
class Score:
    """Attributes:
    made: How many mutants there are.
    crashed: Of these, met nothing but errors: no claim was judged.
    caught: Were judged, and failed, or never came to an end.
    equivalent: Passed, and are marked in the card.
    survived: Passed, under every seed.
    """

    made: int
    crashed: int
    caught: int
    equivalent: int
    survived: tuple[Mutant, ...]

    @property
    def judged(self) -> int:
        """How many a test could catch."""
        return self.caught + len(self.survived)

    @property
    def rate(self) -> float:
        return self.caught / self.judged if self.judged else 1.0

    @property
    def enough(self) -> bool:
        return self.rate >= EACH

    def to_data(self) -> dict[str, object]:
        return {
            "made": self.made,
            "crashed": self.crashed,
            "caught": self.caught,
            "equivalent": self.equivalent,
            "survived": list(map(str, self.survived)),
        }


def judge_mutants(
    subjects: Sequence[Subject], *, jobs: int, listener: Callable[[int, int, Kata | None], None]
) -> Iterator[tuple[Kata, Score, list[str]]]:
    """The score of each kata, and what is wrong with it.

    A mutant is caught if any of three fresh seeds catches it: only those that survive one
    are judged under another.
    """
    waiting = [(subject, mutant) for subject in subjects for mutant in subject.mutants]
    fates: dict[Kata, dict[Mutant, str]] = {subject.kata: {} for subject in subjects}
    marked = {subject.kata: _marked(subject.kata) for subject in subjects}
    done = total = 0
    for _ in range(SEEDS):
        made = [(_task(s, m, m.change in marked[s.kata]), (s, m)) for s, m in waiting]
        tasks = [(task, of) for task, of in made if isinstance(task, Task)]
        judged = {task.key: of for task, of in tasks}
        total += len(tasks)
        listener(done, total, None)
        for task, result in judge_tasks([task for task, _ in tasks], jobs=jobs):
            subject, mutant = judged[task.key]
            fates[subject.kata][mutant] = _fate(result)
            done += 1
            listener(done, total, subject.kata)
        waiting = [(s, mutant) for s, mutant in waiting if fates[s.kata][mutant] == "survived"]
    for subject in subjects:
        yield subject.kata, *_score(subject.kata, fates[subject.kata], marked[subject.kata])


def _marked(kata: Kata) -> list[Change]:
    return [(marking.before, marking.after) for marking in load_card(kata).equivalent]


def _task(subject: Subject, mutant: Mutant, marked: bool) -> Task | Result:
    kata = subject.kata
    path = Path("/", "kata-verify", "mutant", kata.track, f"{kata.slug}.py")
    limits = Limits() if marked else subject.limits
    return new_task(kata, mutant.text, path, seed=new_seed(), limits=limits, brief=True)


def _fate(result: Result) -> str:
    if result.broken:
        raise KataError(result.message, code=3)
    if result.passed:
        return "survived"
    if result.verdict == "timeout" or any(test.outcome == "passed" for test in result.tests):
        return "caught"
    failed = [test.failure for test in result.tests if test.outcome == "failed"]
    return "crashed" if all(failure and failure.raised for failure in failed) else "caught"


def _score(
    kata: Kata, fates: dict[Mutant, str], marked: Sequence[Change]
) -> tuple[Score, list[str]]:
    passed = [mutant for mutant, fate in fates.items() if fate == "survived"]
    survived = tuple(mutant for mutant in passed if mutant.change not in marked)
    counts = Counter(fates.values())
    score = Score(
        made=len(fates),
        crashed=counts["crashed"],
        caught=counts["caught"],
        equivalent=len(passed) - len(survived),
        survived=survived,
    )
    problems = [
        f"solutions/{kata.track}/{kata.card.name}: {words}"
        for change in marked
        if (words := _misjudged(change, fates))
    ]
    if not score.enough:
        problems.append(
            f"reference_tests/{kata.track}/{kata.tests.name}: {score.caught} of {score.judged} "
            f"mutants are caught; at least {EACH:.0%}: add tests, or mark what is equivalent"
        )
    return score, problems


def _misjudged(change: Change, fates: dict[Mutant, str]) -> str | None:
    """What is wrong with a marking in the card."""
    before, after = change
    found = {fate for mutant, fate in fates.items() if mutant.change == change}
    if not found:
        return f"no mutant makes of {before!r} {after!r}; remove that [[equivalent]]"
    if "survived" not in found:
        return f"{after!r} is marked as equivalent, but is {found.pop()}; remove the mark"
    return None
