"""Which of the kata's named mistakes a failing attempt is: by what it computes.

The solution with a mistake in it runs through the tests that the attempt fails. The
mistake fits when it fails them with the same values, where the solution's differ.
Where random draws make values incomparable, or the values are right and the claim is
another, what the failures say must do.
"""

import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path

import pytest

from grader.content.card import Mistake
from grader.judge.child.attempt import load_module, wrap
from grader.judge.child.boundary import Boundary
from grader.judge.child.likeness import alike, telling
from grader.judge.child.runner import Ending, Program, Runner
from grader.judge.child.witness import Witness
from grader.judge.diagnosed import Diagnosis
from grader.judge.protocol import Failure, Task

Endings = Mapping[pytest.Item, Ending]
# what speaks for a mistake in one test, the strongest first; the last speaks against it, a little
VALUES, WORDS, CLAIMS, OTHER_DRAWS = "values", "words", "claims", "other draws"


class Undecidable(Exception):
    """Time is up, or an attempt does not fail twice alike."""


def diagnose(
    task: Task, solution: str, runner: Runner, attempt: Program, endings: Endings
) -> Diagnosis | None:
    """The mistake, or two together, that explain all that fails; None rather than a guess."""
    case = Case(task, solution, runner, attempt, endings)
    # who made a mistake fails its test
    suspects = [mistake for mistake in task.mistakes if case.caught(mistake)]
    alone = [one for one in suspects if not one.fails or case.fails_as(one)]
    found = case.look([(one,) for one in alone if not one.says])
    if found is None and len(said := [one for one in alone if one.says]) == 1:
        found = Diagnosis((said[0].name,), (said[0].tell,), "low")
    if found is None and not case.settled:
        found = case.look(combinations([one for one in suspects if not one.says], 2))
    return found


class Suspect:
    """Mistakes made together.

    Attributes:
        evidence: What speaks for them, of the tests looked at so far.
    """

    def __init__(self, mistakes: Sequence[Mistake], program: Program) -> None:
        self.mistakes, self.program = mistakes, program
        self.evidence: set[str] = set()

    @property
    def known(self) -> bool:
        """Whether there is nothing to find out by running more tests."""
        (*_, last) = self.mistakes
        return (
            len(self.mistakes) == 1 and bool(last.fails) and bool(self.evidence & {VALUES, WORDS})
        )

    def diagnosis(self, confidence: str) -> Diagnosis:
        names = tuple(mistake.name for mistake in self.mistakes)
        return Diagnosis(names, tuple(mistake.tell for mistake in self.mistakes), confidence)


class Case:
    """One attempt that fails.

    Attributes:
        failing: The tests that it fails, the fastest first.
        settled: Whether there is no more to find: time ran out, or several mistakes fit alike.
    """

    def __init__(
        self, task: Task, solution: str, runner: Runner, attempt: Program, endings: Endings
    ) -> None:
        self._task, self._solution, self._runner = task, solution, runner
        self._attempt, self._endings = attempt, endings
        self._stub = Path(task.stub).read_text(encoding="utf-8")
        self._deadline = time.monotonic() + task.limits.diagnosis
        by_time = sorted(endings, key=lambda item: endings[item].seconds)
        self.failing = [item for item in by_time if endings[item].outcome == "failed"]
        self._passing = [item for item in by_time if endings[item].outcome == "passed"]
        # what the attempt and the solution compute, looked at when it is needed
        self._mine: dict[str, Witness] = {}
        self._right: dict[str, Witness] = {}
        self.settled = False

    def look(self, groups: Iterable[Sequence[Mistake]]) -> Diagnosis | None:
        """The one group of mistakes that fits."""
        left: list[Suspect] = []
        try:
            first = self._most_telling()
            for mistakes in groups:
                suspect = self._suspect(mistakes)
                if suspect and self._holds(suspect, first):
                    left.append(suspect)
        except Undecidable:
            self.settled = True
            return None
        item = first
        try:
            for item in self._rest(first, left):
                if len(left) == 1 and left[0].known:
                    break
                left = [suspect for suspect in left if self._holds(suspect, item)]
        except Undecidable:
            self.settled = True
            # two together are taken for two others sooner than one for another
            sure = len(left) == 1 and VALUES in left[0].evidence
            sure = sure and (len(left[0].mistakes) == 1 or item in self._passing)
            return left[0].diagnosis("medium") if sure else None
        by_value = [suspect for suspect in left if VALUES in suspect.evidence]
        # who draws the same as well makes the same mistake; others meet in a test by chance
        drawn_alike = [suspect for suspect in by_value if OTHER_DRAWS not in suspect.evidence]
        for confidence, best in (
            ("high", drawn_alike or by_value),
            ("medium", [suspect for suspect in left if suspect.evidence == {WORDS}]),
            # all claims fail for many reasons
            ("low", left if self._passing else []),
        ):
            if best:
                self.settled = True
                # those that cannot be told apart are none
                return best[0].diagnosis(confidence) if len(best) == 1 else None
        return None

    def caught(self, mistake: Mistake) -> bool:
        """Whether the attempt fails the test that catches the mistake.

        If that is known by its words alone, all that it fails must say them.
        """
        mine = [i for i in self.failing if mistake.catches(i.name)]
        failures = [self._endings[i].failure for i in self.failing if mine and mistake.says]
        return bool(mine) and all(one and _speaks_of(mistake, one) for one in failures)

    def fails_as(self, mistake: Mistake) -> bool:
        """Whether the attempt fails just what the mistake is known to fail."""
        mine, its = {item.name.partition("[")[0] for item in self.failing}, set(mistake.fails)
        if mistake.says:
            # of tests that wait for each other, some pass at times
            return mine <= its and 2 * len(mine) > len(its)
        return mine == its

    def _most_telling(self) -> pytest.Item:
        """A fast test in which the attempt computes something wrong, if there is one."""
        for item in self.failing:
            if telling(self._seen(item).wrong):
                return item
        return self.failing[0]

    def _rest(self, first: pytest.Item, suspects: list[Suspect]) -> Iterator[pytest.Item]:
        """All other tests, those that tell the suspects apart before the others."""
        named = [mistake for suspect in suspects for mistake in suspect.mistakes]
        own = [item for item in self.failing if any(m.catches(item.name) for m in named)]
        yield from dict.fromkeys(
            item for item in (*own, *self.failing, *self._passing) if item is not first
        )

    def _holds(self, suspect: Suspect, item: pytest.Item) -> bool:
        """Whether a test leaves the suspect in; adds to its evidence."""
        if self._endings[item].outcome == "passed":
            return self._run(item, suspect.program).outcome != "failed"
        witness = Witness()
        its = self._run(item, suspect.program, witness)
        return self._compare(item, its, witness, suspect.evidence)

    def _compare(
        self, item: pytest.Item, its: Ending, witness: Witness, evidence: set[str]
    ) -> bool:
        """Whether an attempt and a suspect may fail a test for the same reason."""
        mine = self._endings[item]
        if its.outcome != "failed" or mine.failure is None or its.failure is None:
            return False
        own = self._seen(item)
        seen, other = own.seen, witness.seen
        if len(seen) == len(other) and all(map(alike, seen, other)):
            if VALUES in evidence:
                return True
            if self._wrong_values(item):
                evidence.add(VALUES)
            elif (mine.failure.headline, mine.failure.facts) == (
                its.failure.headline,
                its.failure.facts,
            ):
                evidence.add(WORDS)
            elif _bare(mine.failure.headline) == _bare(its.failure.headline):
                evidence.add(CLAIMS)
            else:
                return False
            return True
        evidence.update({CLAIMS, OTHER_DRAWS})
        return own.chance and witness.chance

    def _wrong_values(self, item: pytest.Item) -> bool:
        """Whether the attempt computed something that the solution does not."""
        mine = self._seen(item)
        if telling(mine.wrong):
            return True
        if item.name not in self._right:
            self._right[item.name] = witness = Witness()
            self._run(item, self._program(()), witness)
        right = self._right[item.name].seen
        return any(
            telling(value) and not (i < len(right) and alike(value, right[i]))
            for i, value in enumerate(mine.seen)
        )

    def _seen(self, item: pytest.Item) -> Witness:
        """What the attempt computes in a test that it fails."""
        if item.name not in self._mine:
            ending = self._endings[item]
            witness = ending.witness
            if witness is None:
                witness = Witness()
                again = self._run(item, self._attempt, witness)
                if again.outcome != ending.outcome:
                    raise Undecidable
            self._mine[item.name] = witness
        return self._mine[item.name]

    def _run(self, item: pytest.Item, program: Program, witness: Witness | None = None) -> Ending:
        if time.monotonic() > self._deadline:
            raise Undecidable
        return self._runner.run(item, program, witness=witness)

    def _suspect(self, mistakes: Sequence[Mistake]) -> Suspect | None:
        try:
            return Suspect(mistakes, self._program(mistakes))
        except Exception:
            # two mistakes edit the same place, or the result does not load
            return None

    def _program(self, mistakes: Sequence[Mistake]) -> Program:
        task, source = self._task, self._solution
        for mistake in mistakes:
            source = mistake.apply(source)
        names = "-".join(mistake.name for mistake in mistakes) or "solution"
        boundary = Boundary(task.forbids, task.mutates, lambda: None)
        module = load_module("attempt", f"/kata/{names}.py", source)
        return Program(module, wrap(module, self._stub, boundary), boundary)


def _speaks_of(mistake: Mistake, failure: Failure) -> bool:
    *_, (_, _, line) = (0, "", ""), *failure.trace
    return all(words in failure.headline or words in line for words in mistake.says)


def _bare(words: str) -> str:
    """Without numbers, which differ from one program to the next."""
    return re.sub(r"[-+\d.,e]+", "#", words)
