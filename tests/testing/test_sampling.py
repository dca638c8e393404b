"""assert_distribution: right samplers pass, wrong ones do not."""

import pytest
import torch

from grader.testing import Mismatch, assert_distribution

N = 20_000
EVEN = torch.full((10,), 0.1)
ZIPF = 1 / torch.arange(1, 51)
SHARP = torch.tensor([0.999, 0.0005, 0.0003, 0.0002])
HOLES = torch.tensor([0.0, 0.5, 0.0, 0.25, 0.25, 0.0])


def drawn(probabilities: torch.Tensor, count: int = N) -> torch.Tensor:
    return torch.multinomial(probabilities, count, replacement=True)


def refused(samples: torch.Tensor, probabilities: torch.Tensor) -> bool:
    try:
        assert_distribution(samples, probabilities)
    except Mismatch:
        return True
    return False


@pytest.mark.parametrize("probabilities", [EVEN, ZIPF, SHARP, HOLES, torch.ones(1), torch.ones(2)])
@pytest.mark.parametrize("count", [5, 200, N])
def test_right_samplers_pass_whatever_the_seed(probabilities: torch.Tensor, count: int):
    for seed in range(150):
        torch.manual_seed(seed)
        assert_distribution(drawn(probabilities, count), probabilities)


def test_weights_need_not_sum_to_one():
    assert_distribution(drawn(EVEN), EVEN * 7)


def test_lists_and_every_shape_and_integer_type_are_taken():
    samples = drawn(EVEN)

    assert_distribution(samples.tolist(), EVEN)
    assert_distribution(samples.view(100, -1), EVEN.double())
    assert_distribution(samples.to(torch.uint8), EVEN.clone().requires_grad_())


# what a sampler that makes this mistake draws from
WRONG = {
    "uniform": (ZIPF, torch.ones(50)),
    "no temperature": (ZIPF**2, ZIPF),
    "the most likely one only": (EVEN + ZIPF[:10], torch.eye(10)[0]),
    "shifted by one": (ZIPF, ZIPF.roll(1)),
    "reversed": (ZIPF, ZIPF.flip(0)),
    "one outcome is never drawn": (EVEN, EVEN * (torch.arange(10) != 3)),
    "one outcome half as often": (EVEN, EVEN * torch.where(torch.arange(10) == 3, 0.5, 1.0)),
    "not renormalised": (EVEN, EVEN + torch.eye(10)[9] * 0.1),
    "the tail is cut off": (ZIPF, ZIPF * (torch.arange(50) < 40)),
    "the tail is too heavy": (SHARP, SHARP + torch.tensor([0.0, 0.01, 0.01, 0.01])),
    "a total variation distance of 0.06": (
        EVEN, EVEN + 0.012 * torch.tensor([1.0, -1.0]).repeat(5)),
}  # fmt: skip


@pytest.mark.parametrize(("right", "wrong"), WRONG.values(), ids=WRONG)
def test_wrong_samplers_are_caught_whatever_the_seed(right: torch.Tensor, wrong: torch.Tensor):
    for seed in range(20):
        torch.manual_seed(seed)
        assert refused(drawn(wrong), right)


def test_draws_that_are_too_even_to_be_random_pass():
    # a stratified sampler is a right one
    assert_distribution(torch.arange(10).repeat(N // 10), EVEN)


def test_a_single_impossible_outcome_is_caught(words):
    samples = drawn(HOLES)
    samples[17] = 2

    assert words(assert_distribution, samples, HOLES, label="tokens").splitlines() == [
        "tokens contain 2, whose probability is 0",
        f"drawn 1 times in {N}",
    ]


@pytest.mark.parametrize("outside", [-1, 10, 10**6])
def test_an_outcome_that_is_none_is_caught(words, outside: int):
    samples = drawn(EVEN)
    samples[3] = outside

    said = words(assert_distribution, samples, EVEN)
    assert said == f"samples must be from 0 to 9, got {outside}"


def test_draws_that_are_no_integers_are_refused(words):
    said = words(assert_distribution, drawn(EVEN).double(), EVEN)

    assert said == "samples must be integers, got float64"
    assert words(assert_distribution, [], EVEN) == "samples are none at all"


def test_the_outcome_that_is_most_off_is_named(words):
    wrong = EVEN.clone()
    wrong[[3, 4]] = torch.tensor([0.2, 0.0])

    headline, outcome, chance = words(assert_distribution, drawn(wrong), EVEN).splitlines()

    assert headline == "samples do not follow the distribution"
    assert outcome.startswith(
        ("outcome 3: expected a share of 0.1, got 0.", "outcome 4: expected a share of 0.1, got 0 ")
    )
    assert outcome.endswith(f" of {N}")
    assert chance.startswith("chance of this with a right sampler: ")


def test_the_generator_is_left_alone():
    samples = drawn(EVEN)
    before = torch.get_rng_state()
    assert_distribution(samples, EVEN)

    assert torch.equal(torch.get_rng_state(), before)
