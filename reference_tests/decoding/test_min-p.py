"""Samples are compared with the exact distribution, so any way of drawing will do."""

import pytest
import torch

from grader.testing import (
    assert_distribution,
    assert_draws,
    assert_equal,
    assert_follows_device,
    assert_generator_moves,
    assert_global_generator_kept,
    assert_state_decides,
    assert_state_repeats,
    seeded,
)


def no_context(B):
    return torch.zeros(B, 0, dtype=torch.int64)


def exact(row, context, min_p, penalty=1.0, temperature=1.0):
    """Each token's probability, by the spec's words, token by token."""
    scores = row.double().tolist()
    for token in {token for token in context if token >= 0}:
        scores[token] = scores[token] / penalty if scores[token] > 0 else scores[token] * penalty
    scores = torch.tensor(scores, dtype=torch.float64) / temperature
    weights = (scores - scores.max()).exp()
    weights[weights < min_p] = 0.0
    return weights / weights.sum()


def clear_rows(R, V, min_p, scale=1.5):
    """Random rows in which no probability is so near to the threshold that rounding decides."""
    rows = torch.randn(4 * R, V) * scale
    ratio = (rows - rows.amax(-1, keepdim=True)).exp()
    return rows[((ratio / min_p - 1).abs() > 3e-3).all(-1)][:R]


def assert_follows(attempt, rows, contexts, expected, seed, min_p, N=6000, **kwargs):
    """Compare N draws from each row, all made in one call, with its exact distribution."""
    tokens = attempt.min_p_sample(
        rows.repeat(N, 1),
        torch.as_tensor(contexts, dtype=torch.int64).repeat(N, 1),
        min_p=min_p,
        generator=seeded(seed),
        **kwargs,
    )

    assert_draws(tokens, expected, N)


def test_the_threshold_is_relative_to_the_likeliest_token(attempt, seed):
    row = torch.tensor([0.15, 0.5, 0.05, 0.3]).log()
    expected = torch.tensor([0.0, 0.625, 0.0, 0.375])

    assert_follows(attempt, row, [], expected, seed, min_p=0.4)


@pytest.mark.parametrize("min_p", [0.03, 0.2, 0.7], ids="min_p={}".format)
def test_each_row_has_its_own_threshold(attempt, seed, min_p):
    rows = clear_rows(R=15, V=12, min_p=min_p)
    expected = torch.stack([exact(row, [], min_p) for row in rows])

    assert_follows(attempt, rows, no_context(len(rows)), expected, seed, min_p, N=600)


def test_min_p_of_0_keeps_every_token(attempt, seed):
    rows = torch.randn(10, 20)
    expected = rows.double().softmax(-1)

    assert_follows(attempt, rows, no_context(10), expected, seed, min_p=0.0, N=800)


def test_min_p_of_1_keeps_the_likeliest_and_its_equals(attempt, seed):
    row = torch.tensor([1.0, 2.0, 1.5, 2.0, -3.0, 2.0])
    expected = torch.tensor([0.0, 1.0, 0.0, 1.0, 0.0, 1.0])

    assert_follows(attempt, row, [], expected, seed, min_p=1.0, N=3000)


@pytest.mark.parametrize(
    "temperature, kept",
    [
        # squares, 1 0.36 0.09 0.01 of the largest: two reach 0.2, where three did
        pytest.param(0.5, 2, id="sharper"),
        # square roots, 1 0.77 0.55 0.32: all reach 0.2
        pytest.param(2.0, 4, id="flatter"),
    ],
)
def test_temperature_comes_before_the_threshold(attempt, seed, temperature, kept):
    probabilities = torch.tensor([0.15, 0.3, 0.05, 0.5], dtype=torch.float64)
    expected = probabilities ** (1 / temperature)
    expected[expected.argsort(descending=True)[kept:]] = 0

    row = probabilities.log()
    assert_follows(attempt, row, [], expected, seed, min_p=0.2, temperature=temperature)


def test_a_logit_above_zero_is_divided_by_the_penalty(attempt, seed):
    # 3 / 1.5 = 2; token 3 was not seen
    row = torch.tensor([2.0, 3.0, 1.0, 2.5])
    expected = torch.tensor([2.0, 2.0, 1.0, 2.5]).exp()

    assert_follows(
        attempt, row, [1, 1, 1], expected, seed, min_p=0.0, N=10_000, repetition_penalty=1.5
    )


def test_a_logit_below_zero_is_multiplied_by_the_penalty(attempt, seed):
    # -1 * 2 = -2
    row = torch.tensor([-1.5, -1.0, -2.0, -3.0])
    expected = torch.tensor([-1.5, -2.0, -2.0, -3.0]).exp()

    assert_follows(attempt, row, [1], expected, seed, min_p=0.0, repetition_penalty=2.0)


def test_a_penalty_below_1_rewards_repetition(attempt, seed):
    row = torch.tensor([1.0, -1.0, 0.0, 0.5])
    expected = torch.tensor([2.0, -0.5, 0.0, 0.5]).exp()

    assert_follows(attempt, row, [0, 1, 2], expected, seed, min_p=0.0, repetition_penalty=0.5)


def test_a_token_that_occurs_often_is_penalised_once(attempt, seed):
    row = torch.tensor([3.0, 2.0, -1.0, 1.0])
    expected = torch.tensor([2.0, 2.0, -1.5, 1.0]).exp()

    assert_follows(
        attempt, row, [0, 2, 0, 0, 2, 0], expected, seed, min_p=0.0, repetition_penalty=1.5
    )


def test_padding_penalises_no_token(attempt, seed):
    row = torch.tensor([3.0, 2.0, 2.5, 3.0])
    expected = torch.tensor([3.0, 2.0, 1.0, 3.0]).exp()

    assert_follows(attempt, row, [-1, -1, 2, -1], expected, seed, min_p=0.0, repetition_penalty=2.5)


def test_each_row_has_its_own_context(attempt, seed):
    rows = torch.randn(12, 7) * 1.5
    # tokens 5 and 6 occur in no row
    contexts = torch.randint(-1, 5, (12, 3))
    pairs = zip(rows, contexts.tolist(), strict=True)
    expected = torch.stack([exact(row, seen, 0.0, 1.8, 0.9) for row, seen in pairs])

    assert_follows(
        attempt,
        rows,
        contexts,
        expected,
        seed,
        min_p=0.0,
        N=700,
        repetition_penalty=1.8,
        temperature=0.9,
    )


def test_the_penalty_comes_before_the_threshold(attempt, seed):
    # after the penalty 2, 1.5, 2, 0: of the likeliest 1, 0.61, 1 and 0.14
    row = torch.tensor([4.0, 1.5, 2.0, 0.0])
    expected = torch.tensor([2.0, 1.5, 2.0, -torch.inf]).exp()

    assert_follows(attempt, row, [0], expected, seed, min_p=0.2, repetition_penalty=2.0)


@pytest.mark.parametrize("min_p", [0.0, 0.5], ids="min_p={}".format)
def test_a_logit_of_minus_infinity_is_never_drawn(attempt, seed, min_p):
    row = torch.tensor([-torch.inf, 0.3, -torch.inf, 0.2, -0.1, -torch.inf])
    context = [0, 1, 5]
    expected = exact(row, context, min_p, 1.5)

    assert_follows(
        attempt, row, context, expected, seed, min_p=min_p, N=3000, repetition_penalty=1.5
    )


def test_large_logits_do_not_overflow(attempt, seed):
    row = torch.tensor([100_000.0, 100_001.0, 99_998.0, -100_000.0])

    assert_follows(attempt, row, [], exact(row, [], 0.1), seed, min_p=0.1, N=3000)


def test_logits_very_far_below_zero_do_not_vanish(attempt, seed):
    # below -1e9 as they are and below -1e4 once divided, both exact in float32
    row = -(2.0**30) - 2**16 * torch.tensor([1.0, 2.0, 0.0, 2.5, 9.0])
    row = torch.cat([row, torch.tensor([-torch.inf])])

    expected = exact(row, [], 0.3, temperature=2**16)
    assert_follows(attempt, row, [], expected, seed, min_p=0.3, N=3000, temperature=2.0**16)


def test_bfloat16_logits_are_computed_in_float32(attempt, seed):
    # divided by 0.7 in bfloat16, where the step is 1 here, the last two would be equal
    row = torch.tensor([100.0, 99.5, 99.0, 98.5], dtype=torch.bfloat16)
    expected = exact(row, [], 0.01, temperature=0.7)

    assert_follows(attempt, row, [], expected, seed, min_p=0.01, temperature=0.7)

    seen = [0, 1, 2, 3]
    expected = exact(row, seen, 0.01, penalty=0.7)
    assert_follows(attempt, row, seen, expected, seed, min_p=0.01, repetition_penalty=0.7)


def test_without_context_the_penalty_changes_nothing(attempt, seed):
    rows = torch.randn(5, 6)
    expected = rows.double().softmax(-1)

    assert_follows(
        attempt, rows, no_context(5), expected, seed, min_p=0.0, N=800, repetition_penalty=3.0
    )


def test_penalty_and_temperature_are_1_if_not_given(attempt, seed):
    rows, contexts = torch.randn(5, 6) * 1.5, torch.randint(6, (5, 4))
    expected = rows.double().softmax(-1)

    assert_follows(attempt, rows, contexts, expected, seed, min_p=0.0, N=800)


def test_each_row_makes_its_own_draw(attempt, seed):
    tokens = attempt.min_p_sample(
        torch.zeros(6000, 3), no_context(6000), min_p=0.5, generator=seeded(seed)
    )

    assert_equal(tuple(tokens.shape), (6000,), label="the shape of the tokens")
    first, second = tokens.view(-1, 2).unbind(-1)
    assert_distribution(3 * first + second, torch.ones(9), label="pairs of neighbouring rows")


def draws(attempt, logits):
    """What is drawn, by the generator alone."""
    context = no_context(len(logits))
    return lambda g: attempt.min_p_sample(logits, context, min_p=0.01, generator=g)


def test_the_same_generator_state_gives_the_same_tokens(attempt, seed):
    assert_state_repeats(draws(attempt, torch.randn(200, 30)), seed)


def test_each_call_moves_the_generator_on(attempt, seed):
    assert_generator_moves(draws(attempt, torch.zeros(50, 1000)), seed)


def test_the_state_of_the_generator_decides_the_tokens(attempt, seed):
    assert_state_decides(draws(attempt, torch.zeros(50, 1000)), seed)


def test_the_global_generator_is_left_alone(attempt, seed):
    assert_global_generator_kept(draws(attempt, torch.randn(4, 30)), seed)


def test_all_is_made_on_the_device_of_the_logits(attempt, seed):
    assert_follows_device(
        attempt.min_p_sample,
        torch.randn(2, 5),
        torch.tensor([[1, -1], [4, 4]]),
        min_p=0.1,
        repetition_penalty=1.5,
        generator=seeded(seed),
    )


def test_one_row_and_one_token_give_a_vector_of_int64(attempt, seed):
    tokens = attempt.min_p_sample(
        torch.tensor([[-3.0]]), torch.tensor([[0]]), min_p=0.5, generator=seeded(seed)
    )

    assert_equal(tokens, torch.tensor([0]))


@pytest.mark.parametrize("min_p", [-0.1, 1.1], ids="min_p={}".format)
def test_rejects_a_min_p_outside_0_to_1(attempt, seed, min_p):
    with pytest.raises(ValueError):
        attempt.min_p_sample(torch.randn(2, 5), no_context(2), min_p=min_p, generator=seeded(seed))


@pytest.mark.parametrize(
    "kwargs",
    [
        pytest.param({"temperature": 0.0}, id="temperature=0"),
        pytest.param({"temperature": -1.0}, id="temperature=-1"),
        pytest.param({"repetition_penalty": 0.0}, id="penalty=0"),
        pytest.param({"repetition_penalty": -1.5}, id="penalty=-1.5"),
    ],
)
def test_rejects_a_temperature_or_penalty_that_is_not_positive(attempt, seed, kwargs):
    with pytest.raises(ValueError):
        attempt.min_p_sample(
            torch.randn(2, 5), no_context(2), min_p=0.1, generator=seeded(seed), **kwargs
        )


bench = "a step of sampling costs little beside the model's; what counts is the distribution"
