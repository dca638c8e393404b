"""What a benchmark finds of an attempt and of the solution, at one size."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of many values, and the quartiles around it."""

    low: float
    middle: float
    high: float


@dataclass(frozen=True, slots=True)
class Cost:
    """What a call costs.

    Attributes:
        seconds: None where no time was taken.
        bytes: The most that it holds at once, its result included and its inputs left out.
        flops: Of matrix products and convolutions; element-wise work is not counted.
        operators: How many of torch's it calls.
    """

    seconds: Spread | None
    bytes: int
    flops: int
    operators: int


@dataclass(frozen=True, slots=True)
class Measured:
    """Attributes:
    ratio: The attempt's time over the solution's, of the two blocks of each round.
    certain: Between what its median lies, with 99 of 100 chances where there are rounds enough.
    """

    size: int
    attempt: Cost
    reference: Cost
    ratio: Spread | None
    certain: tuple[float, float] | None
    rounds: int

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> "Measured":
        """From what JSON gives back."""
        costs = {
            who: Cost(**data[who] | {"seconds": _spread(data[who]["seconds"])})
            for who in ("attempt", "reference")
        }
        certain = data["certain"] and tuple(data["certain"])
        return cls(**data | costs | {"ratio": _spread(data["ratio"]), "certain": certain})


def _spread(data: dict[str, float] | None) -> Spread | None:
    return Spread(**data) if data else None
