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


def exact(row, k, temperature=1.0):
    """Each token's probability, by the spec's words: rank, keep k, exponentials."""
    ranking = sorted(range(len(row)), key=lambda token: (-row[token].item(), token))
    weights = torch.zeros(len(row), dtype=torch.float64)
    kept = ranking[:k]
    weights[kept] = ((row[kept].double() - row.max().double()) / temperature).exp()
    return weights / weights.sum()


def assert_follows(attempt, rows, expected, seed, k, N=6000, **kwargs):
    """Compare N draws from each row, all made in one call, with its exact distribution."""
    tokens = attempt.top_k_sample(rows.repeat(N, 1), k, generator=seeded(seed), **kwargs)

    assert_draws(tokens, expected, N)


def assert_rows_follow(attempt, rows, k, seed, N, **kwargs):
    expected = torch.stack([exact(row, k, **kwargs) for row in rows])

    assert_follows(attempt, rows, expected, seed, k, N, **kwargs)


@pytest.mark.parametrize("k", [2, 5, 9], ids="k={}".format)
def test_only_the_k_likeliest_are_drawn(attempt, seed, k):
    assert_rows_follow(attempt, torch.randn(12, 12) - 1.0, k, seed, N=700)


@pytest.mark.parametrize("k", [12, 13, 1000], ids="k={}".format)
def test_a_k_of_v_or_more_keeps_every_token(attempt, seed, k):
    assert_rows_follow(attempt, torch.randn(5, 12), k, seed, N=1000)


def test_k_of_1_gives_the_likeliest_token(attempt, seed):
    logits = torch.randn(50, 20)
    expected = logits.argmax(-1)

    tokens = attempt.top_k_sample(logits, 1, temperature=3.0, generator=seeded(seed))

    assert_equal(tokens, expected)


@pytest.mark.parametrize(
    "temperature, expected",
    [
        pytest.param(1.0, [4 / 6, 2 / 6, 0.0, 0.0], id="as-it-is"),
        pytest.param(0.5, [16 / 20, 4 / 20, 0.0, 0.0], id="sharper"),
        pytest.param(2.0, [2 / 3.41421356, 1.41421356 / 3.41421356, 0.0, 0.0], id="flatter"),
    ],
)
def test_temperature_divides_the_logits(attempt, seed, temperature, expected):
    # no logit is 0: a token that is cut must not weigh as much by chance
    row = torch.tensor([4.0, 2.0, 1.0, 1.0]).log() + 1

    assert_follows(
        attempt, row, torch.tensor(expected), seed, k=2, N=10_000, temperature=temperature
    )


def test_temperature_does_not_change_which_tokens_are_kept(attempt, seed):
    assert_rows_follow(attempt, torch.randn(10, 9), 4, seed, N=700, temperature=5.0)


def test_a_tie_at_the_edge_is_cut_at_the_lower_index(attempt, seed):
    row = torch.tensor([0.0, 1.0, 0.0, 2.0, 1.0, 1.0, 0.0])
    # the 2 and the first two of three ones
    expected = torch.tensor([0.0, 1.0, 0.0, 2.718281828, 1.0, 0.0, 0.0])

    assert_follows(attempt, row, expected, seed, k=3, N=3000)


def test_of_many_equal_logits_the_lower_indices_are_kept(attempt, seed):
    expected = torch.tensor([1.0] * 30 + [0.0] * 70)

    assert_follows(attempt, torch.full((100,), 2.0), expected, seed, k=30)


@pytest.mark.parametrize("k", [1, 4, 6], ids="k={}".format)
def test_a_logit_of_minus_infinity_is_never_drawn(attempt, seed, k):
    row = torch.tensor([-torch.inf, 0.2, -torch.inf, 0.3, 0.0, -torch.inf])

    assert_follows(attempt, row, exact(row, k), seed, k=k, N=3000)


def test_large_logits_do_not_overflow(attempt, seed):
    row = torch.tensor([100_000.0, 100_001.0, 99_999.5, 99_999.0, -100_000.0])

    assert_follows(attempt, row, exact(row, 2, 0.5), seed, k=2, N=3000, temperature=0.5)


def test_logits_far_below_zero_do_not_vanish(attempt, seed):
    row = torch.tensor([-1000.0, -1001.0, -999.0, -1001.5, -2000.0])

    assert_follows(attempt, row, exact(row, 2), seed, k=2, N=3000)


def test_bfloat16_logits_are_computed_in_float32(attempt, seed):
    # divided by 0.7 in bfloat16, where the step is 1 here, the last two would be equal
    row = torch.tensor([100.0, 99.5, 99.0, 98.5], dtype=torch.bfloat16)
    expected = exact(row, 4, 0.7)

    assert_follows(attempt, row, expected, seed, k=4, temperature=0.7)


def test_float64_logits_are_fine(attempt, seed):
    rows = torch.randn(4, 6, dtype=torch.float64)

    assert_rows_follow(attempt, rows, 3, seed, N=500)


def test_each_row_makes_its_own_draw(attempt, seed):
    tokens = attempt.top_k_sample(torch.full((6000, 5), 2.0), 3, generator=seeded(seed))

    assert_equal(tuple(tokens.shape), (6000,), label="the shape of the tokens")
    first, second = tokens.view(-1, 2).unbind(-1)
    pairs = torch.zeros(5, 5)
    pairs[:3, :3] = 1
    assert_distribution(5 * first + second, pairs.flatten(), label="pairs of neighbouring rows")


def draws(attempt, logits, k):
    """What is drawn, by the generator alone."""
    return lambda generator: attempt.top_k_sample(logits, k, generator=generator)


def test_the_same_generator_state_gives_the_same_tokens(attempt, seed):
    assert_state_repeats(draws(attempt, torch.randn(200, 30), 20), seed)


def test_each_call_moves_the_generator_on(attempt, seed):
    assert_generator_moves(draws(attempt, torch.zeros(50, 1000), 1000), seed)


def test_the_state_of_the_generator_decides_the_tokens(attempt, seed):
    assert_state_decides(draws(attempt, torch.zeros(50, 1000), 1000), seed)


def test_the_global_generator_is_left_alone(attempt, seed):
    assert_global_generator_kept(draws(attempt, torch.randn(4, 30), 20), seed)


def test_one_row_and_one_token_give_a_vector_of_int64(attempt, seed):
    tokens = attempt.top_k_sample(torch.tensor([[-3.0]]), 2, generator=seeded(seed))

    assert_equal(tokens, torch.tensor([0]))


@pytest.mark.parametrize("k", [0, -1], ids="k={}".format)
def test_rejects_a_k_below_1(attempt, seed, k):
    with pytest.raises(ValueError):
        attempt.top_k_sample(torch.randn(2, 5), k, generator=seeded(seed))


@pytest.mark.parametrize("temperature", [0.0, -1.0], ids="temperature={}".format)
def test_rejects_a_temperature_that_is_not_positive(attempt, seed, temperature):
    with pytest.raises(ValueError):
        attempt.top_k_sample(torch.randn(2, 5), 3, temperature=temperature, generator=seeded(seed))


def bench(attempt, size, device):
    """Size is the vocabulary: a token for each of 8 rows in float32, k = 50."""
    logits = 3 * torch.randn(8, size, device=device)
    generator = torch.Generator(device).manual_seed(0)
    return lambda: attempt.top_k_sample(logits, 50, generator=generator)


bench.sizes = (500, 4000, 32000)
