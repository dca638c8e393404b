"""What the gate found out about each kata, and about all."""

from dataclasses import dataclass, field

from grader.content.catalog import Kata
from grader.gate.mutants.score import Score

# of the mutants of all katas that do not crash
ALL = 0.92


@dataclass(slots=True)
class Flaw:
    """What goes wrong under some seeds.

    Attributes:
        seeds: Those seen, and of how many.
        seen: What was met under the first.
    """

    seen: str
    of: int
    seeds: list[int] = field(default_factory=list)

    def told(self, words: str) -> str:
        many = f", {len(self.seeds)} of {self.of} seeds" if self.of > 1 else ""
        return f"{words}, seed {self.seeds[0]}{many}{self.seen}"


@dataclass(slots=True)
class Report:
    """Filled while the gate runs.

    Attributes:
        problems: Each names the file, the cause and the fix.
        flaws: What goes wrong under some seeds; problems when all are known.
        mistakes: Each named mistake, and whether the test that it names always caught it.
        cpu: Seconds of processor time that the tests take on the solution.
        slowest: Seconds that the slowest of them takes.
        mutants: What became of the solution's mutants, where that was asked for.
        skipped: Why the tests could not run on this machine, or None.
    """

    kata: Kata
    problems: list[str] = field(default_factory=list)
    flaws: dict[str, Flaw] = field(default_factory=dict)
    mistakes: dict[str, bool] = field(default_factory=dict)
    cpu: float = 0.0
    slowest: float = 0.0
    mutants: Score | None = None
    skipped: str | None = None

    @property
    def sound(self) -> bool:
        return not self.problems

    def note(self, words: str, seed: int, *, of: int, seen: str = "") -> None:
        """Something goes wrong under one of so many seeds."""
        self.flaws.setdefault(words, Flaw(seen, of)).seeds.append(seed)

    def settle(self) -> None:
        """All seeds were tried."""
        self.problems += [flaw.told(words) for words, flaw in self.flaws.items()]
        self.flaws = {}

    def to_data(self) -> dict[str, object]:
        """An object of the array that --json prints."""
        return {
            "id": self.kata.id,
            "sound": self.sound,
            "problems": self.problems,
            "mistakes": self.mistakes,
            "cpu": round(self.cpu, 2),
            "skipped": self.skipped,
            "mutants": self.mutants and self.mutants.to_data(),
        }


def mutation_rate(reports: list[Report]) -> tuple[int, int]:
    """How many mutants are caught in all katas, and of how many."""
    scores = [report.mutants for report in reports if report.mutants]
    return sum(score.caught for score in scores), sum(score.judged for score in scores)


def shortfall(reports: list[Report]) -> str | None:
    """What is wrong with all katas together."""
    caught, judged = mutation_rate(reports)
    if judged and caught / judged < ALL:
        return f"{caught / judged:.1%} of all mutants are caught; at least {ALL:.0%}"
    return None
