"""What a sampler does with the generator that it is given.

What is asked of it here is a function of that generator alone. Whether the samples follow
their distribution is another question.
"""

from collections.abc import Callable
from typing import Any

import torch

from grader.testing.compare import assert_equal
from grader.testing.observe import comparing
from grader.testing.words import PLAIN_TENSORS, Mismatch, has_type, named

Draw = Callable[[torch.Generator], Any]


def seeded(seed: int) -> torch.Generator:
    """A generator of one's own: what it draws depends on nothing else."""
    return torch.Generator().manual_seed(seed)


def assert_state_repeats(draw: Draw, seed: int) -> None:
    """From the same state come the same samples: there is no other source of chance."""
    generator = seeded(seed)
    # a state that no seed alone leads to
    torch.rand(7, generator=generator)
    state = generator.get_state()
    first = draw(generator)

    generator.set_state(state)
    assert_equal(draw(generator), first, label="the samples of the same state")


def assert_generator_moves(draw: Draw, seed: int, *, most: float = 0.5) -> None:
    """Two calls in a row draw different samples.

    Args:
        draw: Returns a tensor of samples that hardly ever come out the same.
        seed: Of the generator.
        most: The share of samples that may be the same.
    """
    generator = seeded(seed)
    first, second = draw(generator), draw(generator)

    headline = "two calls in a row draw the same: the second starts where the first did"
    _differ(first, second, most, headline)


def assert_state_decides(draw: Draw, seed: int, *, most: float = 0.5) -> None:
    """From different seeds come different samples; arguments as of assert_generator_moves."""
    first, second = draw(seeded(seed)), draw(seeded(seed + 1))

    _differ(first, second, most, "generators with different seeds draw the same")


def assert_global_generator_kept(draw: Draw, seed: int) -> None:
    """torch's global generator has the same state after a draw from another."""
    before = torch.get_rng_state()
    draw(seeded(seed))

    assert_equal(torch.get_rng_state(), before, label="the state of torch's global generator")


def _differ(first: Any, second: Any, most: float, headline: str) -> None:
    with comparing(second):
        for samples in (first, second):
            if not has_type(samples, *PLAIN_TENSORS):
                raise Mismatch(f"expected a tensor of samples, got {named(samples)}")
        if first.shape != second.shape:
            shapes = f"{tuple(first.shape)} and {tuple(second.shape)}"
            raise Mismatch(f"the samples of two calls have the shapes {shapes}")
        same, total = int((first == second).sum()), first.numel()
        if same > most * total:
            raise Mismatch(headline, f"the same in {same} of {total} places")
