"""Samples are compared with the exact distribution, so any way of drawing will do."""

import math

import pytest
import torch

from grader.testing import (
    assert_distribution,
    assert_draws,
    assert_equal,
    assert_generator_moves,
    assert_global_generator_kept,
    assert_state_decides,
    assert_state_repeats,
    seeded,
)


def distances(row, temperature=1.0):
    """How far each token's surprise is from the entropy, and its probability, token by token."""
    p = (row.double() / temperature).softmax(-1).tolist()
    entropy = sum(-x * math.log(x) for x in p if x > 0)
    return [abs(-math.log(x) - entropy) if x > 0 else math.inf for x in p], p


def exact(row, mass, temperature=1.0):
    """Each token's probability, by the spec's words: rank, add up, stop at mass."""
    distance, p = distances(row, temperature)
    kept, total = torch.zeros(len(p), dtype=torch.float64), 0.0
    # equal logits are equally far: rounding must not order them
    order = sorted(range(len(p)), key=lambda token: (round(distance[token], 9), token))
    for token in order:
        kept[token] = p[token]
        total += p[token]
        if total >= mass and mass < 1:
            break
    return kept / kept.sum()


def is_clear(row, mass, temperature=1.0):
    """Whether no distance is near another and no sum near mass: rounding decides nothing."""
    pairs = sorted(zip(*distances(row, temperature), strict=True))
    total = 0.0
    for (near, p), (far, _) in zip(pairs, [*pairs[1:], (math.inf, 0.0)], strict=True):
        total += p
        if abs(total - mass) < 1e-3 or far - near < 2e-3:
            return False
    return True


def clear_rows(R, V, mass, scale=1.5):
    rows = [row for row in torch.randn(10 * R, V) * scale if is_clear(row, mass)]
    return torch.stack(rows[:R])


def assert_follows(attempt, rows, expected, seed, mass, N=6000, **kwargs):
    """Compare N draws from each row, all made in one call, with its exact distribution."""
    tokens = attempt.typical_sample(rows.repeat(N, 1), mass, generator=seeded(seed), **kwargs)

    assert_draws(tokens, expected, N)


def assert_rows_follow(attempt, rows, mass, seed, N):
    expected = torch.stack([exact(row, mass) for row in rows])

    assert_follows(attempt, rows, expected, seed, mass, N)


@pytest.mark.parametrize(
    "mass, kept",
    [pytest.param(0.5, [0, 1], id="two-tokens"), pytest.param(0.9, [0, 1, 2], id="three-tokens")],
)
def test_the_likeliest_token_does_not_come_first(attempt, seed, mass, kept):
    # H = 1.03 and surprises 0.51, 1.39, 2.30, 3.00: ranked 1, 0, 2, 3
    p = torch.tensor([0.6, 0.25, 0.1, 0.05])
    expected = torch.zeros(4)
    expected[kept] = p[kept]

    assert_follows(attempt, p.log(), expected, seed, mass=mass)


def test_many_rare_tokens_may_be_more_typical_than_a_likely_one(attempt, seed):
    row = torch.tensor([0.01] * 30 + [0.4] + [0.01] * 30).log()
    # 25 of 0.01 reach 0.245
    expected = torch.tensor([1.0] * 25 + [0.0] * 36)

    assert_follows(attempt, row, expected, seed, mass=0.245)


@pytest.mark.parametrize("mass", [0.2, 0.5, 0.9], ids="mass={}".format)
def test_each_row_draws_from_its_own_typical_set(attempt, seed, mass):
    assert_rows_follow(attempt, clear_rows(R=15, V=10, mass=mass), mass, seed, N=600)


def test_the_token_that_crosses_mass_is_kept(attempt, seed):
    # H = 1.19: ranked 0.3, 0.45, 0.2, 0.05
    row = torch.tensor([0.45, 0.05, 0.2, 0.3]).log()
    expected = exact(row, 0.6)

    assert_follows(attempt, row, expected, seed, mass=0.6)


def test_mass_of_1_keeps_every_token(attempt, seed):
    # where rounding leaves a row's sum below 1, no sum reaches mass
    assert_rows_follow(attempt, torch.randn(40, 50), 1.0, seed, N=250)


def test_a_tiny_mass_keeps_only_the_most_typical_token(attempt, seed):
    rows = clear_rows(R=20, V=12, mass=1e-4)
    expected = torch.stack([exact(row, 1e-4).argmax() for row in rows])

    assert_equal(attempt.typical_sample(rows, 1e-4, generator=seeded(seed)), expected)


def test_of_equal_logits_the_lower_indices_are_kept(attempt, seed):
    expected = torch.tensor([1.0] * 19 + [0.0] * 21)

    assert_follows(attempt, torch.zeros(40), expected, seed, mass=0.4625)


@pytest.mark.parametrize("temperature", [0.5, 2.0], ids="temperature={}".format)
def test_temperature_comes_before_the_set_is_chosen(attempt, seed, temperature):
    # at 0.5 token 3 alone is kept, at 2.0 tokens 1 and 0; at 1.0 tokens 1 and 3
    row = torch.tensor([0.15, 0.3, 0.05, 0.5], dtype=torch.float64).log()
    expected = exact(row, 0.5, temperature)

    assert_follows(attempt, row, expected, seed, mass=0.5, temperature=temperature)


@pytest.mark.parametrize("mass", [0.3, 1.0], ids="mass={}".format)
def test_a_logit_of_minus_infinity_is_never_drawn(attempt, seed, mass):
    # ranked 4, 3, 1, 5; with H = 0 token 3 comes first, with nan token 1
    row = torch.tensor([0.0, 0.1, 0.0, 0.6, 0.25, 0.05]).log()

    assert_follows(attempt, row, exact(row, mass), seed, mass=mass, N=3000)


def test_a_single_possible_token_is_drawn(attempt, seed):
    rows = torch.full((30, 5), -torch.inf)
    expected = torch.randint(5, (30,))
    rows[torch.arange(30), expected] = 2.0

    assert_equal(attempt.typical_sample(rows, 0.5, generator=seeded(seed)), expected)


def test_large_logits_do_not_overflow(attempt, seed):
    row = torch.tensor([100_000.0, 100_001.0, 99_999.5, -100_000.0])

    assert_follows(attempt, row, exact(row, 0.8), seed, mass=0.8, N=3000)


def test_logits_very_far_below_zero_do_not_vanish(attempt, seed):
    # below -1e9 as they are and below -1e4 once divided, both exact in float32
    row = -(2.0**30) - 2**16 * torch.tensor([1.0, 2.0, 0.0, 2.5, 9.0])
    row = torch.cat([row, torch.tensor([-torch.inf])])

    expected = exact(row, 0.5, 2**16)
    assert_follows(attempt, row, expected, seed, mass=0.5, N=3000, temperature=2.0**16)


def test_bfloat16_logits_are_computed_in_float32(attempt, seed):
    # divided by 0.7 in bfloat16, where the step is 1 here, the last two would be equal
    row = torch.tensor([100.0, 99.5, 99.0, 98.5], dtype=torch.bfloat16)
    expected = exact(row, 0.999, temperature=0.7)

    assert_follows(attempt, row, expected, seed, mass=0.999, temperature=0.7)


def test_each_row_makes_its_own_draw(attempt, seed):
    tokens = attempt.typical_sample(torch.zeros(6000, 3), 1.0, generator=seeded(seed))

    assert_equal(tuple(tokens.shape), (6000,), label="the shape of the tokens")
    first, second = tokens.view(-1, 2).unbind(-1)
    assert_distribution(3 * first + second, torch.ones(9), label="pairs of neighbouring rows")


def draws(attempt, logits, mass):
    """What is drawn, by the generator alone."""
    return lambda generator: attempt.typical_sample(logits, mass, generator=generator)


def test_the_same_generator_state_gives_the_same_tokens(attempt, seed):
    assert_state_repeats(draws(attempt, torch.randn(200, 30), 0.9), seed)


def test_each_call_moves_the_generator_on(attempt, seed):
    assert_generator_moves(draws(attempt, torch.zeros(50, 1000), 1.0), seed)


def test_the_state_of_the_generator_decides_the_tokens(attempt, seed):
    assert_state_decides(draws(attempt, torch.zeros(50, 1000), 1.0), seed)


def test_the_global_generator_is_left_alone(attempt, seed):
    assert_global_generator_kept(draws(attempt, torch.randn(4, 30), 0.9), seed)


def test_one_row_and_one_token_give_a_vector_of_int64(attempt, seed):
    tokens = attempt.typical_sample(torch.tensor([[-3.0]]), 0.5, generator=seeded(seed))

    assert_equal(tokens, torch.tensor([0]))


@pytest.mark.parametrize("mass", [0.0, -0.1, 1.1], ids="mass={}".format)
def test_rejects_a_mass_outside_0_to_1(attempt, seed, mass):
    with pytest.raises(ValueError):
        attempt.typical_sample(torch.randn(2, 5), mass, generator=seeded(seed))


@pytest.mark.parametrize("temperature", [0.0, -1.0], ids="temperature={}".format)
def test_rejects_a_temperature_that_is_not_positive(attempt, seed, temperature):
    with pytest.raises(ValueError):
        attempt.typical_sample(
            torch.randn(2, 5), 0.9, temperature=temperature, generator=seeded(seed)
        )


bench = "a step of sampling costs little beside the model's; what counts is the distribution"
