"""What a diagnosis comes to."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Which of the kata's named mistakes an attempt looks like.

    Attributes:
        mistakes: One name, or two that were made together.
        tells: What to say of each.
        confidence: "high" where the attempt computes what the mistake does, "medium" where
            it fails in the same words, or not all could be compared; "low" where it fails
            the same claims.
    """

    mistakes: tuple[str, ...]
    tells: tuple[str, ...]
    confidence: str

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> "Diagnosis":
        return cls(tuple(data["mistakes"]), tuple(data["tells"]), data["confidence"])

    def to_data(self) -> dict[str, Any]:
        return {
            "mistakes": list(self.mistakes),
            "tell": " ".join(self.tells),
            "confidence": self.confidence,
        }
