"""A kata's card: what lies beside its solution for judging, hints and questions."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grader.content.catalog import Kata
from grader.errors import KataError

REQUIREMENTS = ("triton", "ranks")
FIELDS = {
    "forbids", "requires", "mutates", "degenerate", "hints", "mistakes", "follow_ups", "equivalent",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mistake:
    """One edit of the solution that people really make.

    Attributes:
        find: Occurs exactly once in the solution.
        replace: What stands there instead.
        caught_by: The hidden test that must fail.
        tell: What the learner reads.
        fails: All tests that it fails, where they are too slow to find that out when an
            attempt is diagnosed; empty elsewhere.
        says: Words of the failure in caught_by, of its headline or of the person's own line
            that led there, where the mistake is too slow to be run again at all, such as one
            that waits for ever; empty elsewhere.
        raises: Whether an exception ends each test in caught_by, and that is the mistake.
    """

    name: str
    find: str
    replace: str
    caught_by: str
    tell: str
    fails: tuple[str, ...] = ()
    says: tuple[str, ...] = ()
    raises: bool = False

    def apply(self, solution: str) -> str:
        """The solution's text with the mistake in it; ValueError if it does not apply."""
        if (count := solution.count(self.find)) != 1:
            raise ValueError(f"find occurs {count} times in the solution; it must occur once")
        return solution.replace(self.find, self.replace)

    def catches(self, test: str) -> bool:
        """Whether a test's name, with its parameters, is the one in caught_by."""
        return test == self.caught_by or test.partition("[")[0] == self.caught_by


@dataclass(frozen=True, slots=True)
class Equivalent:
    """A mechanical change of the solution that is as right as the solution.

    Attributes:
        before, after: The lines that differ, as kata verify --mutants prints them.
        reason: Why no test can tell.
    """

    before: str
    after: str
    reason: str


@dataclass(frozen=True, slots=True)
class FollowUp:
    ask: str
    answer: str


@dataclass(frozen=True, slots=True)
class Card:
    """Attributes:
    forbids: Names of functions that may not run, and modules that may not be imported.
    requires: What the machine must offer: "triton", "ranks".
    mutates: Arguments that the spec says are updated in place.
    degenerate: Tests that zeros, a constant or the input itself may pass.
    """

    forbids: tuple[str, ...]
    requires: tuple[str, ...]
    mutates: tuple[str, ...]
    degenerate: tuple[str, ...]
    hints: tuple[str, ...]
    mistakes: tuple[Mistake, ...]
    follow_ups: tuple[FollowUp, ...]
    equivalent: tuple[Equivalent, ...] = ()


def load_card(kata: Kata) -> Card:
    """Read the card.

    Raises:
        KataError: It does not parse or lacks a field; names both.
    """
    path = kata.card
    try:
        return parse_card(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise KataError(f"{path}: missing; every kata has a card", code=3) from None
    except (tomllib.TOMLDecodeError, ValueError, TypeError, AttributeError) as error:
        raise KataError(f"{path}: {error}", code=3) from None
    except KeyError as error:
        raise KataError(f"{path}: lacks the field {error}", code=3) from None


def parse_card(text: str) -> Card:
    data: dict[str, Any] = tomllib.loads(text)
    if unknown := set(data) - FIELDS:
        raise ValueError(f"unknown field {', '.join(sorted(unknown))}; known: {sorted(FIELDS)}")
    requires = tuple(data.get("requires", ()))
    if unknown := set(requires) - set(REQUIREMENTS):
        raise ValueError(f"unknown requirement {sorted(unknown)}; known: {REQUIREMENTS}")
    return Card(
        forbids=tuple(data.get("forbids", ())),
        requires=requires,
        mutates=tuple(data.get("mutates", ())),
        degenerate=tuple(data.get("degenerate", ())),
        hints=tuple(hint.strip() for hint in data["hints"]),
        mistakes=_mistakes(data["mistakes"]),
        follow_ups=tuple(
            FollowUp(item["ask"].strip(), item["answer"].strip()) for item in data["follow_ups"]
        ),
        equivalent=_equivalent(data.get("equivalent", [])),
    )


def _equivalent(tables: Any) -> tuple[Equivalent, ...]:
    if not isinstance(tables, list):
        raise ValueError("equivalent is a list: write [[equivalent]] over each")
    for table in tables:
        if set(table) != {"before", "after", "reason"}:
            fields = "before, after and reason"
            raise ValueError(f"equivalent has {', '.join(table)}; give it {fields}")
    return tuple(Equivalent(**{key: text.strip() for key, text in t.items()}) for t in tables)


def _mistakes(tables: Any) -> tuple[Mistake, ...]:
    if not isinstance(tables, dict):
        raise ValueError("mistakes have names: write [mistakes.name] over each")
    found = []
    for name, table in tables.items():
        try:
            fails, says = tuple(table.pop("fails", ())), tuple(table.pop("says", ()))
            found.append(Mistake(name, **table, fails=fails, says=says))
        except TypeError:
            fields = "find, replace, caught_by and tell"
            raise ValueError(f"mistakes.{name} has {', '.join(table)}; give it {fields}") from None
    return tuple(found)


def solution_with(kata: Kata, mistake: Mistake) -> str:
    return mistake.apply(Path(kata.solution).read_text(encoding="utf-8"))
