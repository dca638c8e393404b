"""What the gate found out about one kata."""

from dataclasses import dataclass, field

from grader.content.catalog import Kata


@dataclass(slots=True)
class Report:
    """Filled while the gate runs.

    Attributes:
        problems: Each names the file, the cause and the fix.
        mistakes: Each named mistake, and whether the test that it names caught it.
        cpu: Seconds of processor time that the tests take on the solution.
        skipped: Why the tests could not run on this machine, or None.
    """

    kata: Kata
    problems: list[str] = field(default_factory=list)
    mistakes: dict[str, bool] = field(default_factory=dict)
    cpu: float = 0.0
    skipped: str | None = None

    @property
    def sound(self) -> bool:
        return not self.problems

    def to_data(self) -> dict[str, object]:
        """An object of the array that --json prints."""
        return {
            "id": self.kata.id,
            "sound": self.sound,
            "problems": self.problems,
            "mistakes": self.mistakes,
            "cpu": round(self.cpu, 2),
            "skipped": self.skipped,
        }
