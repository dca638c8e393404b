"""How often a named mistake is recognised, and whether anything is ever taken for another.

    python benchmarks/diagnosis.py [--pairs N] [--mutants N] [NAME...]

Each mistake of each kata, pairs of them, and mechanical mutants of the solution, judged as a
learner's attempt would be. A pair is rightly told as itself, or as the one of the two that
hides the other. A mutant is rightly told as a mistake when both fail the same tests in the
same words under other seeds.
"""

import argparse
import random
import statistics
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

from grader.content.card import Mistake, load_card
from grader.content.catalog import Kata, load_catalog
from grader.gate.mutants.make import make_mutants
from grader.judge import warm
from grader.judge.events import Events
from grader.judge.judging import judge_task
from grader.judge.protocol import Diagnosis, Result
from grader.judge.tasks import new_seed, new_task

OTHER_SEEDS = 3


@dataclass
class Tally:
    """What came of attempts of one kind."""

    kind: str
    found: Counter[str] = field(default_factory=Counter)
    times: list[float] = field(default_factory=list)

    def add(self, kata: Kata, what: str, answer: str, seconds: float) -> None:
        self.found[answer] += 1
        self.times.append(seconds)
        # of most mutants there is nothing to say
        odd = ("WRONG",) if self.kind == "mutants" else ("WRONG", "nothing")
        if answer.startswith(odd):
            print(f"{kata.slug}: {what}: {answer}", flush=True)

    def show(self) -> None:
        if self.times:
            median, most = statistics.median(self.times), max(self.times)
            words = f"{median * 1000:.0f} ms, at most {most * 1000:.0f} ms after the verdict"
            print(f"{self.kind}: {dict(self.found)}; {words}", flush=True)


class Watch(Events):
    """Remembers when the verdict stood."""

    at = 0.0

    def judged(self, result: Result) -> None:
        self.at = time.perf_counter()


def judged(kata: Kata, source: str, seed: int, *, diagnose: bool) -> tuple[Result, float]:
    """The result, and the seconds after the verdict."""
    task = new_task(kata, source, Path("/attempt.py"), seed=seed, diagnose=diagnose)
    if isinstance(task, Result):
        return task, 0.0
    watch = Watch()
    result = judge_task(task, watch)
    return result, time.perf_counter() - watch.at


def with_mistakes(kata: Kata, mistakes: Sequence[Mistake]) -> str | None:
    """The solution with them in it; None if they cannot be combined."""
    source = kata.solution.read_text(encoding="utf-8")
    try:
        for mistake in mistakes:
            source = mistake.apply(source)
    except ValueError:
        return None
    return source


def try_mistakes(kata: Kata, mistakes: Sequence[Mistake], tally: Tally) -> None:
    source = with_mistakes(kata, mistakes)
    result, seconds = judged(kata, source or "", new_seed(), diagnose=True)
    if source is None or result.verdict != "failed":
        return
    made = {mistake.name for mistake in mistakes}
    named = set(result.diagnosis.mistakes) if result.diagnosis else set()
    if result.diagnosis is None:
        answer = "nothing"
    elif named == made:
        answer = result.diagnosis.confidence
    else:
        answer = "a part" if named < made else f"WRONG, as {sorted(named)}"
    tally.add(kata, str(sorted(made)), answer, seconds)


def try_mutant(kata: Kata, source: str, what: str, tally: Tally) -> None:
    result, seconds = judged(kata, source, new_seed(), diagnose=True)
    if result.verdict != "failed":
        return
    found = result.diagnosis
    answer = "nothing" if found is None else found.confidence
    if found is not None and not same(kata, source, found):
        answer = f"WRONG, as {sorted(found.mistakes)}, {found.confidence}"
    tally.add(kata, what, answer, seconds)


def same(kata: Kata, source: str, found: Diagnosis) -> bool:
    """Whether an attempt does what the mistakes do, under other seeds."""
    mistakes = [m for m in load_card(kata).mistakes if m.name in found.mistakes]
    for _ in range(OTHER_SEEDS):
        seed = new_seed()
        both = (source, with_mistakes(kata, mistakes) or "")
        one, other = (judged(kata, text, seed, diagnose=False)[0] for text in both)
        if [_told(test.message) for test in one.tests] != [_told(t.message) for t in other.tests]:
            return False
    return True


def _told(message: str) -> str:
    """The headline without what rounding changes."""
    return message.partition("\n")[0]


def pairs(kata: Kata, count: int) -> Iterator[tuple[Mistake, Mistake]]:
    found = list(combinations(load_card(kata).mistakes, 2))
    yield from random.sample(found, min(count, len(found)))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=6, help="pairs of mistakes a kata")
    parser.add_argument("--mutants", type=int, default=20, help="mutants a kata")
    parser.add_argument("names", nargs="*")
    given = parser.parse_args()
    catalog = load_catalog()
    katas = [catalog.find(name) for name in given.names] or list(catalog)
    assert warm.wait_for_judge(), "no warm judge here"
    single, double, mutated = Tally("single mistakes"), Tally("pairs"), Tally("mutants")
    for kata in katas:
        for mistake in load_card(kata).mistakes:
            try_mistakes(kata, (mistake,), single)
        for these in pairs(kata, given.pairs):
            try_mistakes(kata, these, double)
        mutants = make_mutants(kata.solution.read_text(encoding="utf-8"))
        for mutant in random.sample(mutants, min(given.mutants, len(mutants))):
            try_mutant(kata, mutant.text, str(mutant), mutated)
    for tally in (single, double, mutated):
        tally.show()


if __name__ == "__main__":
    main()
