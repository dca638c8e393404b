"""What is said once a command has ended, whichever way it did."""

from collections.abc import Callable

_sayings: list[Callable[[], None]] = []


def at_parting(say: Callable[[], None]) -> None:
    """Have something said at the end."""
    _sayings.append(say)


def part() -> None:
    while _sayings:
        _sayings.pop()()
