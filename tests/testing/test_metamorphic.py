"""Metamorphic helpers: each on right code of several styles, and on code that breaks its claim."""

import math

import pytest
import torch

from grader.testing import (
    assert_batch_rows_independent,
    assert_cache_equals_full,
    assert_chunks_agree,
    assert_padding_changes_nothing,
    assert_relative_shift,
)

# degenerate answers have every property: what they are told
NOTHING = "every value of the result is 0, whatever goes in"
COPIED = "the result is the input itself: nothing was computed"


def randn(*shape: int) -> torch.Tensor:
    return torch.randn(shape, dtype=torch.float64)


# rows of a batch


def attend(q: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
    return (q @ k.mT).softmax(-1) @ k


INDEPENDENT = {
    "attention": attend,
    "in a loop": lambda q, k: torch.stack([attend(a, b) for a, b in zip(q, k, strict=True)]),
    "a view": lambda q, k: attend(q, k).mT,
    "several results": lambda q, k: (attend(q, k), {"scores": q @ k.mT, "mask": q > 0}),
    "one number a row": lambda q, k: attend(q, k).sum((1, 2)),
    "in float32 within": lambda q, k: attend(q.float(), k.float()),
    "the input among the results": lambda q, k: (attend(q, k), k),
}


@pytest.mark.parametrize("function", INDEPENDENT.values(), ids=INDEPENDENT)
def test_rows_that_are_independent_pass(function):
    tolerance = {"rtol": 1e-4, "atol": 1e-4, "why": "float32 products of another shape"}
    assert_batch_rows_independent(function, randn(3, 4, 8), randn(3, 5, 8), **tolerance)


DEPENDENT = {
    "a mean over the batch": lambda q, k: attend(q - q.mean(0), k),
    "a softmax over the batch": lambda q, k: (q @ k.mT).softmax(0) @ k,
    "the first row's keys for all": lambda q, k: attend(q, k[:1]),
    "rows shifted by one": lambda q, k: attend(q, k.roll(1, 0)),
    "divided by the number of rows": lambda q, k: attend(q, k) / len(q),
    "a maximum of all": lambda q, k: attend(q, k) / q.amax(),
    "in the second result": lambda q, k: (attend(q, k), q.mean(0).expand(len(q), -1, -1)),
}


@pytest.mark.parametrize("function", DEPENDENT.values(), ids=DEPENDENT)
def test_rows_that_depend_on_each_other_are_caught(words, function):
    said = words(assert_batch_rows_independent, function, randn(3, 4, 8), randn(3, 5, 8))

    assert "of the batch depends on the others: alone, its result is another" in said


def test_the_row_and_the_difference_are_named(words):
    def second_row_sees_the_first(x: torch.Tensor) -> torch.Tensor:
        return torch.cat([x[:1] * 2, x[1:] * 2 + x[:1].sum()])

    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    first, second, third, *_ = words(
        assert_batch_rows_independent, second_row_sees_the_first, x
    ).splitlines()

    assert first == "row 1 of the batch depends on the others: alone, its result is another"
    assert second == "row 1 in the batch differs in 2 of 2 values"
    # alone, row 1 is a first row
    assert third == "first at [0, 0]: expected 6, got 9"


def test_only_what_is_batched_is_taken_apart():
    def scale(x: torch.Tensor, weight: torch.Tensor, *, eps: float) -> torch.Tensor:
        assert weight.shape == (4,)
        return x * weight + eps

    assert_batch_rows_independent(scale, randn(4, 4), randn(4), batched=[0], eps=1.0)


def test_a_result_that_is_overwritten_by_the_next_call_is_compared_as_it_was():
    buffer = torch.empty(3, 2, dtype=torch.float64)

    def reuse(x: torch.Tensor) -> torch.Tensor:
        return torch.mul(x, 2, out=buffer[: len(x)])

    assert_batch_rows_independent(reuse, randn(3, 2))


def test_one_row_is_the_tests_own_fault():
    with pytest.raises(ValueError, match="two or more"):
        assert_batch_rows_independent(attend, randn(1, 4, 8), randn(1, 5, 8))


def test_degenerate_answers_are_no_independent_rows(words):
    x = randn(3, 4)

    assert words(assert_batch_rows_independent, torch.zeros_like, x) == NOTHING
    assert words(assert_batch_rows_independent, lambda x: x, x) == COPIED
    assert words(assert_batch_rows_independent, lambda x: (x, x * 0), x) == COPIED
    assert "is None" in words(assert_batch_rows_independent, lambda x: None, x)


# padding

REAL = torch.tensor([[True, True, True, False], [True, True, False, False]])


def mean_of_real(x: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
    return x.masked_fill(~real[..., None], 0).sum(1) / real.sum(1)[:, None]


def self_attention(x: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
    x = x.masked_fill(~real[..., None], 0)
    scores = (x @ x.mT).masked_fill(~real[:, None], -math.inf)
    return scores.softmax(-1) @ x


@pytest.mark.parametrize(
    "function",
    [
        pytest.param(mean_of_real, id="one vector a row"),
        pytest.param(self_attention, id="one vector a token"),
        pytest.param(lambda x, real: x.exp() * real[..., None].sum(), id="padding comes out"),
        pytest.param(
            lambda x, real: torch.stack([row[r].sum(0) for row, r in zip(x, real, strict=True)]),
            id="taken out first",
        ),
    ],
)
def test_padding_that_has_no_effect_passes(function):
    assert_padding_changes_nothing(
        function, randn(2, 4, 3), REAL, real=REAL, padded=[0], fill=(0.0, 1e4, math.nan, -math.inf)
    )


@pytest.mark.parametrize(
    ("function", "value"),
    [
        pytest.param(lambda x, real: x.mean(1), "0", id="averaged in"),
        pytest.param(
            lambda x, real: (x * real[..., None]).sum(1) / 3, "nan", id="multiplied by the mask"
        ),
        pytest.param(lambda x, real: (x @ x.mT).softmax(-1) @ x, "0", id="attended to"),
        pytest.param(
            lambda x, real: mean_of_real(x, real) / x.amax(), "10000", id="part of the maximum"
        ),
    ],
)
def test_padding_that_has_an_effect_is_caught(words, function, value: str):
    # far from 0, so that zeros in padding would show
    said = words(
        assert_padding_changes_nothing,
        function,
        (randn(2, 4, 3) + 5).masked_fill(~REAL[..., None], 4),
        REAL,
        real=REAL,
        padded=[0],
        fill=(0.0, 1e4, math.nan),
    )

    assert said.startswith(f"padding has an effect: with {value} in it, the result is another\n")


def test_a_mask_for_other_axes_can_be_given():
    keys = randn(2, 3, 4, 5)
    hidden = REAL[:, None, :, None]

    def attend_to_real(q: torch.Tensor, k: torch.Tensor, *, bias: torch.Tensor) -> torch.Tensor:
        return (q @ k.mT + bias).softmax(-1) @ k.nan_to_num()

    bias = torch.zeros(2, 1, 1, 4).double().masked_fill(~REAL[:, None, None], -math.inf)
    assert_padding_changes_nothing(
        attend_to_real, randn(2, 3, 6, 5), keys, real=hidden, padded=[1], fill=(9.0,), bias=bias
    )


def test_padding_may_be_compared_with_what_is_known(words):
    x = randn(2, 4, 3)
    given = {"real": REAL, "padded": [0], "fill": (1.0,), "expected": mean_of_real(x, REAL)}

    assert_padding_changes_nothing(mean_of_real, x, REAL, **given)
    # as if all were real
    assert "padding has an effect" in words(
        assert_padding_changes_nothing, lambda x, real: x.mean(1), x, REAL, **given
    )


def test_degenerate_answers_do_not_ignore_padding(words):
    call = {"real": REAL, "padded": [0], "fill": (1.0,)}
    x = randn(2, 4, 3)
    ignore = assert_padding_changes_nothing

    assert words(ignore, lambda x, real: torch.zeros(2, 3), x, REAL, **call) == NOTHING
    assert words(ignore, lambda x, real: x, x, REAL, **call) == COPIED


# chunks


def chunked_sum(x: torch.Tensor, size: int) -> torch.Tensor:
    return torch.stack([chunk.sum(0) for chunk in x.split(size)]).sum(0)


def test_chunks_that_agree_pass():
    x = randn(7, 3)

    assert_chunks_agree(lambda size: chunked_sum(x, size), (1, 2, 3, 7, 50))
    assert_chunks_agree(lambda size: chunked_sum(x, size), (2, 3), expected=x.sum(0))
    assert_chunks_agree(lambda size: [chunked_sum(x, size)[0].item()], (2, 7))


def test_a_chunk_that_is_not_full_and_is_lost_is_caught(words):
    x = randn(7, 3)

    def whole_chunks_only(size: int) -> torch.Tensor:
        return x[: len(x) // size * size].view(-1, size, 3).sum((0, 1))

    said = words(assert_chunks_agree, whole_chunks_only, (7, 1, 3))
    assert said.startswith("with chunks of 3 the result differs from that with chunks of 7\n")
    assert "result differs in 3 of 3 values" in said


def test_chunks_that_agree_on_a_wrong_result_are_caught_where_it_is_known(words):
    x = randn(7, 3)

    said = words(
        assert_chunks_agree, lambda size: 2 * chunked_sum(x, size), (1, 3), expected=x.sum(0)
    )
    assert said.startswith("with chunks of 1 the result differs from what it should be\n")


def test_degenerate_answers_do_not_agree(words):
    assert words(assert_chunks_agree, lambda size: torch.zeros(3), (1, 2)) == NOTHING
    assert "is None" in words(assert_chunks_agree, lambda size: None, (1, 2))


# caches


def running_sum(x, cache):
    """A right cache: the sum so far."""
    start = 0 if cache is None else cache
    out = x.cumsum(1) + start
    return out, out[:, -1:]


def attention_step(x, cache):
    seen = x if cache is None else torch.cat([cache, x], dim=1)
    hidden = torch.ones(x.shape[1], seen.shape[1]).triu(seen.shape[1] - x.shape[1] + 1).bool()
    return (x @ seen.mT).masked_fill(hidden, -math.inf).softmax(-1) @ seen, seen


@pytest.mark.parametrize("step", [running_sum, attention_step], ids=["a state", "all tokens"])
@pytest.mark.parametrize("pieces", [(7,), (1,) * 7, (3, 1, 3), (6, 1)], ids=str)
def test_a_right_cache_passes(step, pieces):
    x = randn(2, 7, 3)

    assert_cache_equals_full(step, x, pieces=pieces)
    assert_cache_equals_full(step, x, pieces=pieces, expected=step(x, None)[0])


def test_tokens_may_lie_on_another_axis():
    def step(x, cache):
        out, cache = running_sum(x.mT, cache)
        return out.mT, cache

    assert_cache_equals_full(step, randn(2, 3, 7), pieces=(4, 3), dim=2)


def top_left_step(x, cache):
    seen = x if cache is None else torch.cat([cache, x], dim=1)
    hidden = torch.ones(x.shape[1], seen.shape[1]).triu(1).bool()
    return (x @ seen.mT).masked_fill(hidden, -math.inf).softmax(-1) @ seen, seen


@pytest.mark.parametrize(
    ("step", "tokens"),
    [
        pytest.param(lambda x, cache: running_sum(x, None), "token 3", id="forgotten"),
        pytest.param(top_left_step, "token 3", id="mask at the wrong corner"),
        pytest.param(
            lambda x, cache: (running_sum(x, cache)[0], cache if cache is not None else x[:, :1]),
            "token 3",
            id="not updated",
        ),
        pytest.param(
            lambda x, cache: (running_sum(x, cache)[0], running_sum(x, None)[1]),
            "tokens 4 to 6",
            id="only the last piece kept",
        ),
    ],
)
def test_a_wrong_cache_is_caught(words, step, tokens: str):
    said = words(assert_cache_equals_full, step, randn(2, 7, 3), pieces=(3, 1, 3))

    fed = tokens.removeprefix("tokens ").removeprefix("token ")[0]
    assert said.startswith(
        f"the output for {tokens}, fed after {fed} others, differs from one pass\n"
    )


def test_pieces_that_do_not_fit_are_the_tests_own_fault():
    with pytest.raises(ValueError, match="pieces of 6 tokens in all, for 7"):
        assert_cache_equals_full(running_sum, randn(2, 7, 3), pieces=(3, 3))


def test_degenerate_answers_have_no_cache(words):
    x = randn(2, 4, 3)
    zeros = words(assert_cache_equals_full, lambda x, c: (x * 0, c), x, pieces=(2, 2))

    assert zeros == NOTHING
    assert words(assert_cache_equals_full, lambda x, c: (x, c), x, pieces=(2, 2)) == COPIED


# positions

q, k = randn(2, 6), randn(2, 6)


def turn(x: torch.Tensor, position: float) -> torch.Tensor:
    angle = position * torch.tensor([1.0, 0.3, 0.1], dtype=torch.float64)
    x1, x2 = x.chunk(2, -1)
    return torch.cat(
        [x1 * angle.cos() - x2 * angle.sin(), x1 * angle.sin() + x2 * angle.cos()], dim=-1
    )


def rotary(m: int, n: int) -> torch.Tensor:
    return (turn(q, m) * turn(k, n)).sum(-1)


def test_scores_of_the_distance_pass():
    assert_relative_shift(rotary, 3, 7, shifts=(1, 16))
    assert_relative_shift(rotary, 3, 7, shifts=(1,), expected=(q * turn(k, 4)).sum(-1))
    # linear biases are relative, too
    assert_relative_shift(lambda m, n: q @ k.T - abs(m - n), 3, 7, shifts=(5,))


@pytest.mark.parametrize(
    "score",
    [
        pytest.param(lambda m, n: ((q + m) * (k + n)).sum(-1), id="added positions"),
        pytest.param(lambda m, n: (turn(q, m) * turn(k, -n)).sum(-1), id="opposite directions"),
        pytest.param(lambda m, n: (turn(q, m) * k).sum(-1), id="only the query is turned"),
        pytest.param(lambda m, n: (turn(q, m**0.5) * turn(k, n**0.5)).sum(-1), id="roots"),
    ],
)
def test_scores_of_the_place_are_caught(words, score):
    said = words(assert_relative_shift, score, 3, 7, shifts=(16,))

    assert said.startswith(
        "positions 19 and 23 score otherwise than 3 and 7: only their distance may count\n"
    )


def test_scores_without_positions_are_caught(words):
    said = words(assert_relative_shift, lambda m, n: (q * k).sum(-1), 3, 7, shifts=(16,))

    assert said == "positions 3 and 8 score as 3 and 7 do: their distance does not count"


def test_scores_that_are_relative_and_wrong_are_caught_where_they_are_known(words):
    said = words(
        assert_relative_shift, rotary, 3, 7, shifts=(1,), expected=(q * turn(k, -4)).sum(-1)
    )

    assert said.startswith("the score of positions 3 and 7 differs in 2 of 2 values")


def test_degenerate_scores_are_caught(words):
    assert words(assert_relative_shift, lambda m, n: torch.zeros(3), 3, 7, shifts=(1,)) == NOTHING
    one = words(assert_relative_shift, lambda m, n: torch.zeros(()), 3, 7, shifts=(1,))
    assert one == "positions 3 and 8 score as 3 and 7 do: their distance does not count"
