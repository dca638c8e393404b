"""Values are compared in float64, where only logic, not rounding, can differ."""

import math

import pytest
import torch

from grader.testing import (
    assert_close,
    assert_follows_device,
    assert_keeps_dtype,
    assert_same_gradients,
)

INF = math.inf
# worked out from the paper's sequences and the rule for other numbers of heads
SLOPES = {
    1: [2**-8],
    2: [2**-4, 2**-8],
    3: [2**-4, 2**-8, 2**-2],
    4: [2**-2, 2**-4, 2**-6, 2**-8],
    6: [2**-2, 2**-4, 2**-6, 2**-8, 2**-1, 2**-3],
    7: [2**-2, 2**-4, 2**-6, 2**-8, 2**-1, 2**-3, 2**-5],
    8: [2**-1, 2**-2, 2**-3, 2**-4, 2**-5, 2**-6, 2**-7, 2**-8],
    12: [2**-h for h in range(1, 9)] + [2**-0.5, 2**-1.5, 2**-2.5, 2**-3.5],
    16: [2 ** (-h / 2) for h in range(1, 17)],
}
SHAPES = [
    pytest.param((2, 4, 5, 5), id="square"),
    pytest.param((2, 3, 3, 7), id="chunked-prefill"),
    pytest.param((3, 6, 1, 6), id="one-new-token"),
    pytest.param((1, 8, 4, 4), id="one-sequence"),
]
HALVES = [
    pytest.param(torch.bfloat16, id="bfloat16"),
    pytest.param(torch.float16, id="float16"),
]


def draw(*shape, dtype=torch.float64):
    # a view that is not contiguous
    return torch.randn(*shape[:2], shape[3], shape[2], dtype=torch.float64).mT.to(dtype)


def expect(scores, *, causal=True):
    """Score by score, with the slopes above."""
    _, H, T_q, T_k = scores.shape
    bias = torch.empty(H, T_q, T_k, dtype=torch.float64)
    for h in range(H):
        for i in range(T_q):
            for j in range(T_k):
                distance = i + T_k - T_q - j
                hidden = causal and distance < 0
                bias[h, i, j] = -INF if hidden else -SLOPES[H][h] * abs(distance)
    return scores + bias.to(scores.dtype)


@pytest.mark.parametrize("n_heads", [1, 2, 4, 8, 16], ids="{}-heads".format)
def test_slopes_of_a_power_of_two(attempt, n_heads):
    assert_close(attempt.alibi_slopes(n_heads), SLOPES[n_heads], label="slopes")


@pytest.mark.parametrize("n_heads", [3, 6, 7, 12], ids="{}-heads".format)
def test_slopes_of_other_numbers_of_heads(attempt, n_heads):
    assert_close(attempt.alibi_slopes(n_heads), SLOPES[n_heads], label="slopes")


def test_matches_a_case_worked_out_by_hand(attempt):
    scores = torch.tensor([[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]] * 2])
    # slopes 1/16 and 1/256, at distances 0, 1 and 2
    a, b = 1 / 16, 1 / 256
    expected = torch.tensor(
        [
            [
                [[1.0, -INF, -INF], [4 - a, 5.0, -INF], [7 - 2 * a, 8 - a, 9.0]],
                [[1.0, -INF, -INF], [4 - b, 5.0, -INF], [7 - 2 * b, 8 - b, 9.0]],
            ]
        ]
    )

    assert_close(attempt.add_alibi(scores), expected)


@pytest.mark.parametrize("shape", SHAPES)
def test_scores_fall_with_the_distance(attempt, shape):
    scores = draw(*shape)
    expected = expect(scores)

    assert_close(attempt.add_alibi(scores), expected)


@pytest.mark.parametrize("shape", [*SHAPES, pytest.param((2, 4, 7, 3), id="more-queries")])
def test_both_sides_are_biased_alike_without_a_mask(attempt, shape):
    scores = draw(*shape)
    expected = expect(scores, causal=False)

    assert_close(attempt.add_alibi(scores, causal=False), expected)


def test_one_new_token_is_at_the_end(attempt):
    scores = draw(2, 4, 6, 6)
    expected = expect(scores)[:, :, -1:]

    assert_close(attempt.add_alibi(scores[:, :, -1:]), expected)


def test_later_keys_are_hidden(attempt):
    scores = draw(2, 4, 3, 7)
    expected = torch.ones(3, 7, dtype=torch.bool).triu(5)

    hidden = attempt.add_alibi(scores) == -INF

    assert_close(hidden, expected.expand(2, 4, 3, 7), label="what is hidden")


def test_the_mask_is_on_unless_switched_off(attempt):
    scores = draw(2, 4, 5, 5)
    expected = expect(scores, causal=True)

    assert_close(attempt.add_alibi(scores), expected)


@pytest.mark.parametrize("causal", [True, False], ids=["causal", "both-sides"])
def test_gradients_pass_where_keys_are_seen(attempt, causal):
    scores = draw(2, 3, 3, 5)
    seen = expect(scores, causal=causal).isfinite()

    def finite(function):
        # what is hidden is -inf, whose product with a cotangent says nothing
        return lambda scores: function(scores, causal=causal).masked_fill(~seen, 0.0)

    assert_same_gradients(finite(attempt.add_alibi), finite(expect), scores, names=("scores",))


def test_softmax_of_the_result_trains(attempt):
    scores = draw(2, 3, 4, 4)

    assert_same_gradients(
        lambda scores: attempt.add_alibi(scores).softmax(dim=-1),
        lambda scores: expect(scores).softmax(dim=-1),
        scores,
        names=("scores",),
    )


@pytest.mark.parametrize("dtype", HALVES)
def test_half_precision_is_rounded_once(attempt, dtype):
    scores = 2 * torch.randn(1, 3, 1, 600, dtype=torch.float64)
    scores = (scores + 40).to(dtype)
    slopes = torch.tensor(SLOPES[3], dtype=torch.float64)[:, None, None]
    exact = scores.double() - slopes * torch.arange(599, -1, -1)

    result = attempt.add_alibi(scores)

    assert result.dtype == dtype
    assert_close(
        result.double(),
        exact,
        rtol={torch.bfloat16: 2**-8, torch.float16: 2**-11}[dtype] * 1.01,
        atol=1e-5,
        why="half a step between neighbouring values",
    )


def test_float64_is_computed_in_float64(attempt):
    scores = draw(2, 12, 3, 5)
    expected = expect(scores)

    assert_close(
        attempt.add_alibi(scores), expected, rtol=1e-12, atol=1e-12, why="float64 has 16 digits"
    )


def test_returns_the_dtype_of_scores(attempt):
    assert_keeps_dtype(attempt.add_alibi, draw(2, 4, 3, 5))


def test_a_call_does_not_depend_on_the_calls_before(attempt):
    scores = draw(2, 4, 3, 5)
    expected = expect(scores)
    attempt.add_alibi(draw(2, 8, 5, 5))
    attempt.add_alibi(draw(2, 4, 5, 5), causal=False)

    assert_close(attempt.add_alibi(scores), expected)


def test_the_bias_is_made_on_the_device_of_scores(attempt):
    assert_follows_device(attempt.add_alibi, draw(2, 3, 3, 5))
