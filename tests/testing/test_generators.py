"""What is asked of a sampler's generator: right samplers pass, wrong ones do not."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from grader.testing import (
    assert_generator_moves,
    assert_global_generator_kept,
    assert_state_decides,
    assert_state_repeats,
    seeded,
)

ALL = [
    assert_state_repeats,
    assert_generator_moves,
    assert_state_decides,
    assert_global_generator_kept,
]


def draw(generator: torch.Generator | None) -> torch.Tensor:
    return torch.randint(1000, (50,), generator=generator)


def draw_from_a_copy(generator: torch.Generator) -> torch.Tensor:
    copy = torch.Generator()
    copy.set_state(generator.get_state())
    return draw(copy)


def draw_from_its_seed(generator: torch.Generator) -> torch.Tensor:
    generator.manual_seed(generator.initial_seed())
    return draw(generator)


def draw_after_seeding_all(generator: torch.Generator) -> torch.Tensor:
    torch.manual_seed(int(torch.randint(1 << 30, (), generator=generator)))
    return draw(None)


@pytest.mark.parametrize("claim", ALL)
def test_a_right_sampler_passes_whatever_the_seed(claim: Callable[..., None]):
    for seed in range(50):
        claim(draw, seed)


@pytest.mark.parametrize(
    ("claim", "wrong", "said"),
    [
        (assert_state_repeats, lambda _: draw(None), "the samples of the same state"),
        (assert_generator_moves, draw_from_a_copy, "two calls in a row draw the same"),
        (assert_generator_moves, draw_from_its_seed, "two calls in a row draw the same"),
        (assert_state_decides, lambda _: draw(seeded(0)), "different seeds draw the same"),
        (assert_global_generator_kept, draw_after_seeding_all, "torch's global generator"),
    ],
)
def test_a_wrong_sampler_is_caught_whatever_the_seed(words, claim: Any, wrong: Any, said: str):
    for seed in range(20):
        assert said in words(claim, wrong, seed)


def test_how_many_are_the_same_is_told_and_may_be_set(words):
    def coins(generator: torch.Generator) -> torch.Tensor:
        return torch.rand(900, generator=generator) < 0.1

    said = words(assert_generator_moves, coins, 3)
    assert said.splitlines()[1].startswith("the same in ")
    assert said.endswith(" of 900 places")
    assert_generator_moves(coins, 3, most=0.9)


@pytest.mark.parametrize("claim", [assert_generator_moves, assert_state_decides])
def test_samples_that_cannot_be_compared_are_refused(words, claim: Any):
    assert words(claim, lambda _: None, 0) == "expected a tensor of samples, got None"
    shapes = iter([(3,), (3, 1)])
    said = words(claim, lambda _: torch.zeros(next(shapes)), 0)
    assert said == "the samples of two calls have the shapes (3,) and (3, 1)"


def test_a_seeded_generator_draws_the_same_and_leaves_the_global_one_alone():
    before = torch.get_rng_state()
    one, other = (torch.rand(5, generator=seeded(seed)) for seed in (7, 7))

    assert torch.equal(one, other)
    assert torch.equal(torch.get_rng_state(), before)
