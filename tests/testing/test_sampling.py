"""assert_distribution and assert_draws: right samplers pass, wrong ones do not."""

import math

import pytest
import torch

from grader.testing import Mismatch, assert_distribution, assert_draws
from grader.testing.sampling import LEAST, THRESHOLD

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


@pytest.mark.parametrize("probabilities", [EVEN, ZIPF, HOLES, torch.ones(1), torch.ones(2)])
@pytest.mark.parametrize("count", [200, N])
def test_right_samplers_pass_whatever_the_seed(probabilities: torch.Tensor, count: int):
    for seed in range(150):
        torch.manual_seed(seed)
        assert_distribution(drawn(probabilities, count), probabilities)


def binomial_tail(N: int, p: float) -> float:
    """The exact chance that a right sampler of two outcomes fails."""
    k = torch.arange(N + 1, dtype=torch.float64)
    log_chance = torch.special.xlogy(k, p) + torch.special.xlog1py(N - k, -p) + (
        math.lgamma(N + 1) - torch.lgamma(k + 1) - torch.lgamma(N - k + 1)
    )  # fmt: skip
    statistic = (k - N * p) ** 2 / (N * p * (1 - p))
    half = torch.tensor(0.5, dtype=torch.float64)
    failing = torch.special.gammaincc(half, statistic / 2) < THRESHOLD
    return log_chance.exp()[failing].sum().item()


@pytest.mark.parametrize("count", [40, 60, 200, 1000, 100_000])
def test_a_right_sampler_fails_once_in_fifty_million_at_most(count: int):
    # the fewer are expected, the further from normal
    for expected in (LEAST, 1.3 * LEAST, 2 * LEAST, 10 * LEAST):
        if count - expected >= LEAST:
            assert binomial_tail(count, expected / count) < 2e-8


@pytest.mark.parametrize(
    ("outcomes", "distance"), [(2, 6.0), (10, 6.0), (100, 8.0), (1000, 12.0)], ids=str
)
def test_the_stated_distance_is_caught_whatever_the_seed(outcomes: int, distance: float):
    count = max(N, 40 * outcomes)
    # the hardest to see: every outcome off by the same share of itself
    share = 2 * distance / math.sqrt(count)
    right = torch.ones(outcomes, dtype=torch.float64)
    wrong = right + share * torch.tensor([1.0, -1.0]).repeat(outcomes // 2)
    for seed in range(40):
        torch.manual_seed(seed)
        assert refused(drawn(wrong, count), right)


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
    said = words(assert_distribution, None, EVEN)
    assert said == "samples have the wrong type: expected a tensor, got None"


@pytest.mark.parametrize(
    ("weights", "count", "least"),
    [(SHARP, 200, "20,000"), (torch.ones(1000), 15_000, "20,000"), (EVEN, 5, "200")],
    ids=["nearly sure", "many outcomes", "few draws"],
)
def test_draws_that_could_not_show_anything_are_refused(words, weights, count: int, least: str):
    said = words(assert_distribution, drawn(weights, count), weights)

    assert said == f"{count} samples are too few to tell: draw at least {least}"


def test_a_sure_outcome_needs_one_draw():
    assert_distribution([3], torch.tensor([0.0, 0.0, 0.0, 0.2]))
    assert_distribution([0], torch.ones(1))


@pytest.mark.parametrize(
    "weights", [[0.5, -0.5], [0.0, 0.0], [math.nan, 1.0], [math.inf, 1.0]], ids=str
)
def test_what_are_no_probabilities_are_the_tests_own_fault(weights: list[float]):
    with pytest.raises(ValueError, match="probabilities must be"):
        assert_distribution([0, 1], torch.tensor(weights))


def test_a_difference_among_outcomes_too_rare_to_count_is_not_seen():
    # each of the last 40 expects 5: together they are as many as they should be
    weights = torch.tensor([800.0] + [5.0] * 40)
    samples = torch.cat([torch.zeros(800), torch.arange(1, 21).repeat(10)]).long()

    assert_distribution(samples, weights)


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


ROWS = torch.tensor([[0.5, 0.5, 0.0], [0.1, 0.6, 0.3], [0.0, 0.0, 1.0]])


def drawn_rows(rows: torch.Tensor, count: int) -> torch.Tensor:
    return torch.multinomial(rows.repeat(count, 1), 1).flatten()


@pytest.mark.parametrize("rows", [ROWS, 3 * ROWS, EVEN, ZIPF.repeat(8, 1)])
def test_right_draws_of_each_row_pass_whatever_the_seed(rows: torch.Tensor):
    for seed in range(50):
        torch.manual_seed(seed)
        assert_draws(drawn_rows(rows, 1500), rows, 1500)


def test_draws_in_the_order_of_other_rows_are_caught(words):
    torch.manual_seed(3)
    tokens = drawn_rows(ROWS[[1, 0, 2]], 500)

    said = words(assert_draws, tokens, ROWS, 500).splitlines()
    assert said[0] == "tokens contain 2 in row 0, whose probability is 0"
    assert said[1].endswith("times in 500")


def test_the_row_and_the_token_that_are_off_are_named_with_their_share_of_the_row(words):
    rows = torch.tensor([[0.5, 0.5], [0.9, 0.1]])
    tokens = torch.tensor([0, 0, 1, 0, 0, 0, 1, 1]).repeat(100)

    said = words(assert_draws, tokens, rows, 400).splitlines()
    assert said[:2] == [
        "tokens do not follow the distribution",
        "outcome 1 in row 1: expected a share of 0.1, got 0.25 of 400",
    ]


def test_draws_of_another_shape_or_type_are_refused(words):
    said = words(assert_draws, torch.zeros(4, 1, dtype=torch.int64), EVEN, 4)

    assert said == "tokens have the wrong shape: expected (4,), got (4, 1)"
    said = words(assert_draws, torch.zeros(8, dtype=torch.int64), ROWS, 4)
    assert said == "tokens have the wrong shape: expected (12,), got (8,)"
    said = words(assert_draws, [1, 2, 3], ROWS, 1)
    assert said == "tokens have the wrong type: expected a tensor, got a list of 3"
