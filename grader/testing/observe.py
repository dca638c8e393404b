"""Lets the judge see what is compared: a wrong value tells which mistake made it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from grader.testing.words import Mismatch


class Observer(Protocol):
    def compared(self, value: object) -> None:
        """An attempt's value is about to be compared."""

    def refused(self) -> None:
        """It was not what was expected."""


_observers: list[Observer] = []


@contextmanager
def comparing(value: object) -> Iterator[None]:
    """Around a comparison of what an attempt computed."""
    for observer in _observers:
        observer.compared(value)
    try:
        yield
    except Mismatch:
        for observer in _observers:
            observer.refused()
        raise


def observe(observer: Observer) -> None:
    """From here on."""
    _observers.append(observer)


@contextmanager
def observing(observer: Observer) -> Iterator[None]:
    observe(observer)
    try:
        yield
    finally:
        _observers.remove(observer)
