"""Keeps what a program computes in a test, to compare it with what another computes."""

import random
from collections.abc import Iterable, Mapping
from typing import Any

import numpy
import torch
from torch import Tensor

from grader.judge.child.likeness import Kept, Raised, alike, keep

# samplers are called often, and a test that goes on says no more
MOST = 100


class Witness:
    """Attributes:
    seen: What came out of each call, and what was compared, in order.
    chance: Whether a call drew random numbers, so that another right program may differ.
    wrong: The last value that was compared and is wrong.
    """

    def __init__(self) -> None:
        self.seen: list[Kept] = []
        self.chance = False
        self.wrong: Kept = None
        self._args: Iterable[Any] = ()
        self._states: list[Kept] = []

    def called(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        if len(self.seen) < MOST:
            self._args = [*args, *kwargs.values()]
            self._states = _random_states(self._args)

    def returned(self, value: object) -> None:
        if len(self.seen) < MOST:
            # a module's parameters are drawn when it is made, and copied over
            if value is not None:
                self.chance |= not alike(self._states, _random_states(self._args))
            self.seen.append(keep(value))

    def raised(self, error: Exception) -> None:
        if len(self.seen) < MOST:
            self.seen.append(Raised(type(error).__name__))

    def compared(self, value: object) -> None:
        if len(self.seen) < MOST:
            self.seen.append(keep(value))

    def refused(self) -> None:
        self.wrong = self.seen[-1]


def _random_states(args: Iterable[Any]) -> list[Kept]:
    generators = [arg for arg in args if isinstance(arg, torch.Generator)]
    states: list[Tensor] = [g.get_state() for g in (torch.default_generator, *generators)]
    state = numpy.random.get_state(legacy=False)["state"]
    return [*states, hash(random.getstate()), keep(state)]
