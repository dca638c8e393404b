"""How often a named mistake is recognised, and whether it is ever taken for another.

    python benchmarks/diagnosis.py [--pairs N] [NAME...]

Each mistake of each kata, and pairs of them, judged as a learner's attempt would be. A
pair is rightly told as itself, or as the one of the two that hides the other.
"""

import argparse
import random
import statistics
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path

from grader.content.card import Mistake, load_card
from grader.content.catalog import Kata, load_catalog
from grader.judge import warm
from grader.judge.events import Events
from grader.judge.judging import judge_task
from grader.judge.protocol import Result
from grader.judge.tasks import new_seed, new_task


class Watch(Events):
    """Remembers when the verdict stood."""

    at = 0.0

    def judged(self, result: Result) -> None:
        self.at = time.perf_counter()


def diagnose(kata: Kata, mistakes: Sequence[Mistake]) -> tuple[str, float] | None:
    """What came of it, and the seconds after the verdict; None if they cannot be combined."""
    source = kata.solution.read_text(encoding="utf-8")
    try:
        for mistake in mistakes:
            source = mistake.apply(source)
    except ValueError:
        return None
    task = new_task(kata, source, Path("/attempt.py"), seed=new_seed(), diagnose=True)
    if isinstance(task, Result):
        return None
    watch = Watch()
    result = judge_task(task, watch)
    seconds = time.perf_counter() - watch.at
    if result.verdict != "failed":
        return None
    if result.diagnosis is None:
        return "nothing", seconds
    named, made = set(result.diagnosis.mistakes), {mistake.name for mistake in mistakes}
    if named == made:
        return result.diagnosis.confidence, seconds
    return ("a part" if named < made else f"WRONG {sorted(made)} as {sorted(named)}"), seconds


def pairs(kata: Kata, count: int) -> Iterator[tuple[Mistake, Mistake]]:
    found = list(combinations(load_card(kata).mistakes, 2))
    yield from random.sample(found, min(count, len(found)))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=6, help="pairs of mistakes a kata")
    parser.add_argument("names", nargs="*")
    given = parser.parse_args()
    catalog = load_catalog()
    katas = [catalog.find(name) for name in given.names] or list(catalog)
    assert warm.wait_for_judge(), "no warm judge here"
    for kind in ("single mistakes", "pairs"):
        found, times = Counter[str](), []
        for kata in katas:
            mistakes = load_card(kata).mistakes
            alone = [(mistake,) for mistake in mistakes]
            for these in alone if kind == "single mistakes" else pairs(kata, given.pairs):
                answer = diagnose(kata, these)
                if answer is None:
                    continue
                found[answer[0]] += 1
                times.append(answer[1])
                if answer[0] == "nothing" or answer[0].startswith("WRONG"):
                    print(kata.slug, [mistake.name for mistake in these], answer[0])
        print(f"{kind}: {dict(found)}; {statistics.median(times) * 1000:.0f} ms, at most "
              f"{max(times) * 1000:.0f} ms after the verdict")  # fmt: skip


if __name__ == "__main__":
    main()
