"""Samples are compared with the exact distribution, so any way of drawing will do."""

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


def exact(row, p, temperature=1.0):
    """Each token's probability, by the spec's words: rank, add up, stop at p."""
    probabilities = (row.double() / temperature).softmax(-1)
    kept, mass = torch.zeros_like(probabilities), 0.0
    for token in sorted(range(len(row)), key=lambda token: (-row[token].item(), token)):
        kept[token] = probabilities[token]
        mass += probabilities[token].item()
        if mass >= p and p < 1:
            break
    return kept / kept.sum()


def clear_rows(R, V, p):
    """Random rows in which no sum of probabilities is so near to p that rounding decides."""
    rows = torch.randn(8 * R, V) * 1.5
    sums = rows.double().softmax(-1).sort(descending=True)[0].cumsum(-1)
    return rows[((sums - p).abs() > 1e-3).all(-1)][:R]


def assert_follows(attempt, rows, expected, seed, p, N=6000, **kwargs):
    """Compare N draws from each row, all made in one call, with its exact distribution."""
    tokens = attempt.nucleus_sample(rows.repeat(N, 1), p, generator=seeded(seed), **kwargs)

    assert_draws(tokens, expected, N)


def assert_rows_follow(attempt, rows, p, seed, N):
    expected = torch.stack([exact(row, p) for row in rows])

    assert_follows(attempt, rows, expected, seed, p, N)


def test_the_token_that_crosses_p_is_kept(attempt, seed):
    row = torch.tensor([0.5, 0.3, 0.15, 0.05]).log()
    expected = torch.tensor([0.625, 0.375, 0.0, 0.0])

    assert_follows(attempt, row, expected, seed, p=0.7)


def test_the_likeliest_token_is_kept_even_if_it_holds_more_than_p(attempt, seed):
    rows = torch.tensor([[0.1, 0.8, 0.1], [0.1, 0.1, 0.8]]).log()
    tokens = attempt.nucleus_sample(rows.repeat(50, 1), 0.6, generator=seeded(seed))

    assert_equal(tokens, torch.tensor([1, 2]).repeat(50))


@pytest.mark.parametrize("p", [0.3, 0.6, 0.95], ids="p={}".format)
def test_each_row_draws_from_its_own_nucleus(attempt, seed, p):
    assert_rows_follow(attempt, clear_rows(R=20, V=12, p=p), p, seed, N=500)


def test_p_of_1_keeps_every_token(attempt, seed):
    # where rounding leaves a row's sum below 1, no sum reaches p
    assert_rows_follow(attempt, torch.randn(40, 50), 1.0, seed, N=250)


def test_a_tiny_p_keeps_only_the_likeliest_token(attempt, seed):
    logits = torch.randn(50, 20)
    expected = logits.argmax(-1)

    assert_equal(attempt.nucleus_sample(logits, 1e-6, generator=seeded(seed)), expected)


def test_of_equal_logits_the_lower_indices_are_kept(attempt, seed):
    expected = torch.tensor([1.0] * 46 + [0.0] * 54)

    assert_follows(attempt, torch.zeros(100), expected, seed, p=0.455)


def test_a_tie_within_a_row_is_cut_at_the_lower_index(attempt, seed):
    # probabilities 0.1, 0.2, 0.1, 0.2, 0.2, 0.2: two of the four equals reach 0.3
    row = torch.tensor([1.0, 2.0, 1.0, 2.0, 2.0, 2.0]).log()
    expected = torch.tensor([0.0, 0.5, 0.0, 0.5, 0.0, 0.0])

    assert_follows(attempt, row, expected, seed, p=0.3, N=2000)


@pytest.mark.parametrize(
    "temperature, p, kept",
    [
        # squares, 0.68 0.25 0.06 0.01: one token reaches 0.6, where two did
        pytest.param(0.5, 0.6, 1, id="sharper"),
        # square roots, 0.38 0.29 0.21 0.12: three tokens reach 0.7, where two did
        pytest.param(2.0, 0.7, 3, id="flatter"),
    ],
)
def test_temperature_comes_before_the_nucleus_is_chosen(attempt, seed, temperature, p, kept):
    probabilities = torch.tensor([0.15, 0.3, 0.05, 0.5], dtype=torch.float64)
    expected = probabilities ** (1 / temperature)
    expected[expected.argsort(descending=True)[kept:]] = 0

    row = probabilities.log()
    assert_follows(attempt, row, expected, seed, p=p, temperature=temperature)


@pytest.mark.parametrize("p", [0.6, 1.0], ids="p={}".format)
def test_a_logit_of_minus_infinity_is_never_drawn(attempt, seed, p):
    row = torch.tensor([-torch.inf, 0.3, -torch.inf, 0.2, 0.0, -torch.inf])

    assert_follows(attempt, row, exact(row, p), seed, p=p, N=3000)


def test_large_logits_do_not_overflow(attempt, seed):
    row = torch.tensor([100_000.0, 100_001.0, 99_999.0, -100_000.0])

    assert_follows(attempt, row, exact(row, 0.8), seed, p=0.8, N=3000)


def test_logits_very_far_below_zero_do_not_vanish(attempt, seed):
    # below -1e9 as they are and below -1e4 once divided, both exact in float32
    row = -(2.0**30) - 2**16 * torch.tensor([1.0, 2.0, 0.0, 2.5, 9.0])
    row = torch.cat([row, torch.tensor([-torch.inf])])

    expected = exact(row, 0.7, 2**16)
    assert_follows(attempt, row, expected, seed, p=0.7, N=3000, temperature=2.0**16)


def test_bfloat16_logits_are_computed_in_float32(attempt, seed):
    # divided by 0.7 in bfloat16, where the step is 1 here, the last two would be equal
    row = torch.tensor([100.0, 99.5, 99.0, 98.5], dtype=torch.bfloat16)
    expected = exact(row, 0.999, temperature=0.7)

    assert_follows(attempt, row, expected, seed, p=0.999, temperature=0.7)


def test_probabilities_of_bfloat16_logits_are_summed_in_float32(attempt, seed):
    # 149 of these reach p; summed in bfloat16, whose step there is 1/256, they stay below it
    row = torch.zeros(230, dtype=torch.bfloat16)
    expected = torch.tensor([1.0] * 149 + [0.0] * 81)

    assert_follows(attempt, row, expected, seed, p=148.7 / 230)


def test_each_row_makes_its_own_draw(attempt, seed):
    logits = torch.zeros(6000, 3)
    tokens = attempt.nucleus_sample(logits, 1.0, generator=seeded(seed))

    assert_equal(tuple(tokens.shape), (6000,), label="the shape of the tokens")
    first, second = tokens.view(-1, 2).unbind(-1)
    assert_distribution(3 * first + second, torch.ones(9), label="pairs of neighbouring rows")


def draws(attempt, logits, p):
    """What is drawn, by the generator alone."""
    return lambda generator: attempt.nucleus_sample(logits, p, generator=generator)


def test_the_same_generator_state_gives_the_same_tokens(attempt, seed):
    assert_state_repeats(draws(attempt, torch.randn(200, 30), 0.9), seed)


def test_each_call_moves_the_generator_on(attempt, seed):
    assert_generator_moves(draws(attempt, torch.zeros(50, 1000), 1.0), seed)


def test_the_state_of_the_generator_decides_the_tokens(attempt, seed):
    assert_state_decides(draws(attempt, torch.zeros(50, 1000), 1.0), seed)


def test_the_global_generator_is_left_alone(attempt, seed):
    assert_global_generator_kept(draws(attempt, torch.randn(4, 30), 0.9), seed)


def test_one_row_and_one_token_give_a_vector_of_int64(attempt, seed):
    tokens = attempt.nucleus_sample(torch.tensor([[-3.0]]), 0.5, generator=seeded(seed))

    assert_equal(tokens, torch.tensor([0]))


@pytest.mark.parametrize("p", [0.0, -0.1, 1.1], ids="p={}".format)
def test_rejects_a_p_outside_0_to_1(attempt, seed, p):
    with pytest.raises(ValueError):
        attempt.nucleus_sample(torch.randn(2, 5), p, generator=seeded(seed))


@pytest.mark.parametrize("temperature", [0.0, -1.0], ids="temperature={}".format)
def test_rejects_a_temperature_that_is_not_positive(attempt, seed, temperature):
    with pytest.raises(ValueError):
        attempt.nucleus_sample(
            torch.randn(2, 5), 0.9, temperature=temperature, generator=seeded(seed)
        )


def bench(attempt, size, device):
    """Size is the vocabulary: a token for each of 8 rows in float32, p = 0.9."""
    logits = 3 * torch.randn(8, size, device=device)
    generator = torch.Generator(device).manual_seed(0)
    return lambda: attempt.nucleus_sample(logits, 0.9, generator=generator)


bench.sizes = (500, 4000, 32000)
