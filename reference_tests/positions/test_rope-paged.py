"""Angles may be computed in float32, so float64 values are compared within that."""

import math

import pytest
import torch

from grader.testing import assert_close, assert_equal, assert_follows_device, complex_rope

# frequencies and products each round at 6e-8, at angles of up to 40 radians
FLOAT32_ANGLES = {"rtol": 1e-4, "atol": 1e-4, "why": "angles may be computed in float32"}
HALVES = [
    pytest.param(torch.bfloat16, id="bfloat16"),
    pytest.param(torch.float16, id="float16"),
]


def rope(x, positions, theta=10000.0):
    """(N, H, D), a position for each token."""
    return complex_rope(x, positions[:, None], theta)


def make_qk(N=9, H=4, G=2, D=8, dtype=torch.float64):
    # as heads are split off in practice, q and k out of one product: views
    both = torch.randn(N, H + G, D, dtype=dtype)
    return both[:, :H], both[:, H:]


def make_cache(P=4, S=4, G=2, D=8, dtype=torch.float64):
    return torch.randn(P, S, G, D, dtype=dtype)


def written(cache, k, slots):
    """The cache after the keys, slot by slot."""
    result, S = cache.clone(), cache.shape[1]
    for key, slot in zip(k, slots.tolist(), strict=True):
        if slot >= 0:
            result[slot // S, slot % S] = key
    return result


# a prompt of four tokens, one token at 9, a chunk from 30 on, one token at 0
MIXED = torch.tensor([0, 1, 2, 3, 9, 30, 31, 32, 0])
SLOTS = torch.tensor([4, 5, 6, 7, 13, 2, 3, 8, 0])


def test_position_1_turns_a_unit_vector_by_one_radian(attempt):
    q = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
    expected = torch.tensor([[[math.cos(1), math.sin(1)], [-math.sin(1), math.cos(1)]]])
    one, cache = torch.tensor([1]), torch.zeros(1, 1, 2, 2)

    result = attempt.rope_into_pages(q, q.clone(), one, one - 1, cache)

    assert_close(result, expected)
    assert_close(cache[0, 0], expected[0], label="the cached key")


def test_each_token_turns_by_its_own_position(attempt):
    q, k = make_qk()
    expected = rope(q, MIXED)

    result = attempt.rope_into_pages(q, k, MIXED, SLOTS, make_cache())

    assert_close(result, expected, **FLOAT32_ANGLES)


@pytest.mark.parametrize(
    "P, S, G",
    [
        pytest.param(4, 4, 2, id="square-pages"),
        pytest.param(7, 2, 2, id="many-small-pages"),
        pytest.param(1, 14, 4, id="one-page"),
        pytest.param(5, 3, 1, id="one-head"),
    ],
)
def test_each_key_goes_to_its_slot(attempt, P, S, G):
    (q, k), cache = make_qk(G=G), make_cache(P, S, G)
    expected = written(cache, rope(k, MIXED), SLOTS)

    attempt.rope_into_pages(q, k, MIXED, SLOTS, cache)

    assert_close(cache, expected, **FLOAT32_ANGLES, label="the cache")


def test_all_other_slots_stay_as_they_are(attempt):
    (q, k), cache = make_qk(), make_cache()
    before, turned = cache.clone(), rope(q, MIXED)
    others = [slot for slot in range(16) if slot not in SLOTS.tolist()]

    result = attempt.rope_into_pages(q, k, MIXED, SLOTS, cache)

    assert_close(result, turned, **FLOAT32_ANGLES)
    for slot in others:
        page, offset = slot // 4, slot % 4
        assert_equal(cache[page, offset], before[page, offset], label=f"slot {slot}")


def test_padding_is_written_nowhere(attempt):
    (q, k), cache = make_qk(), make_cache()
    # the first and the last slot are taken, by tokens before padding
    slots = torch.tensor([0, 5, -1, -1, 15, 2, 3, 8, -1])
    turned = rope(q, MIXED)
    expected = written(cache, rope(k, MIXED), slots)

    result = attempt.rope_into_pages(q, k, MIXED, slots, cache)

    assert_close(cache, expected, **FLOAT32_ANGLES, label="the cache")
    assert_close(result, turned, **FLOAT32_ANGLES)


def test_nothing_but_padding_changes_no_slot(attempt):
    (q, k), cache = make_qk(N=3), make_cache()
    before, turned = cache.clone(), rope(q, MIXED[:3])

    result = attempt.rope_into_pages(q, k, MIXED[:3], torch.full((3,), -1), cache)

    assert_equal(cache, before, label="the cache")
    assert_close(result, turned, **FLOAT32_ANGLES)


def test_a_cache_that_is_not_contiguous_is_written_too(attempt):
    # one layer of a cache whose heads lie before its slots
    whole = torch.randn(3, 4, 2, 4, 8, dtype=torch.float64)
    (q, k), cache = make_qk(), whole[1].transpose(1, 2)
    expected = written(cache, rope(k, MIXED), SLOTS)
    turned = rope(q, MIXED)

    result = attempt.rope_into_pages(q, k, MIXED, SLOTS, cache)

    assert_close(whole[1].transpose(1, 2), expected, **FLOAT32_ANGLES, label="the cache")
    assert_close(result, turned, **FLOAT32_ANGLES)


@pytest.mark.parametrize("theta", [3.0, 500000.0])
def test_theta_sets_the_frequencies(attempt, theta):
    (q, k), cache = make_qk(), make_cache()
    turned = rope(q, MIXED, theta)
    expected = written(cache, rope(k, MIXED, theta), SLOTS)

    result = attempt.rope_into_pages(q, k, MIXED, SLOTS, cache, theta=theta)

    assert_close(result, turned, **FLOAT32_ANGLES)
    assert_close(cache, expected, **FLOAT32_ANGLES, label="the cache")


def test_decoding_step_by_step_scores_as_one_pass_does(attempt):
    # two sequences, of 6 and 4 tokens, whose pages interleave
    D, lengths, pages = 8, (6, 4), ((5, 0), (2, 4))
    q, k = make_qk(N=10, H=2, G=2, D=D)
    positions = torch.tensor([0, 1, 2, 3, 4, 5, 0, 1, 2, 3])
    full_q, full_k = rope(q, positions), rope(k, positions)
    expected = [
        torch.einsum("hd,thd->ht", full_q[last], full_k[last - T + 1 : last + 1])
        for last, T in zip((5, 9), lengths, strict=True)
    ]

    cache = make_cache(P=6, S=3, D=D)
    rows = {0: range(6), 1: range(6, 10)}
    for step in range(6):
        now = [(s, rows[s][step]) for s in (0, 1) if step < lengths[s]]
        tokens = [row for _, row in now]
        slots = [pages[s][step // 3] * 3 + step % 3 for s, _ in now]
        turned = attempt.rope_into_pages(
            q[tokens], k[tokens], torch.full((len(now),), step), torch.tensor(slots), cache
        )
        for i, (s, _) in enumerate(now):
            if step == lengths[s] - 1:
                keys = cache[list(pages[s])].flatten(0, 1)[: lengths[s]]
                scores = torch.einsum("hd,thd->ht", turned[i], keys)
                assert_close(scores, expected[s], **FLOAT32_ANGLES, label=f"scores of sequence {s}")


def test_queries_have_the_dtype_of_q_and_keys_that_of_the_cache(attempt):
    (q, k), cache = make_qk(dtype=torch.float32), make_cache(dtype=torch.float16)
    turned = rope(q.double(), MIXED).float()
    expected = written(cache, rope(k.double(), MIXED).half(), SLOTS)

    result = attempt.rope_into_pages(q, k, MIXED, SLOTS, cache)

    assert_close(result, turned, **FLOAT32_ANGLES)
    assert_close(
        cache, expected, rtol=2e-3, atol=1e-4, why="one rounding to float16", label="the cache"
    )


def test_keys_are_rounded_once_to_the_dtype_of_the_cache(attempt):
    (q, k), cache = make_qk(dtype=torch.bfloat16), make_cache(dtype=torch.float32)
    expected = written(cache, rope(k.double(), MIXED).float(), SLOTS)

    attempt.rope_into_pages(q, k, MIXED, SLOTS, cache)

    assert_close(cache, expected, **FLOAT32_ANGLES, label="the cache")


def assert_rounded_once(result, exact, dtype, label):
    # float32 angles of up to 16 radians are good to 4e-6, and q and k stay below 6
    assert_close(
        result.double(),
        exact,
        rtol={torch.bfloat16: 2**-8, torch.float16: 2**-11}[dtype] * 1.01,
        atol=5e-5,
        why="half a step between neighbouring values, and float32 angles",
        label=label,
    )


@pytest.mark.parametrize("dtype", HALVES)
def test_keys_are_not_rounded_before_they_turn(attempt, dtype):
    (q, k), positions = make_qk(N=16, D=32, dtype=torch.float32), torch.arange(16)
    cache = make_cache(D=32, dtype=dtype)
    exact = rope(k.double(), positions)

    attempt.rope_into_pages(q, k, positions, positions, cache)

    assert_rounded_once(cache.flatten(0, 1), exact, dtype, label="the cache")


@pytest.mark.parametrize("dtype", HALVES)
def test_half_precision_is_rounded_once(attempt, dtype):
    (q, k), positions = make_qk(N=16, D=32, dtype=dtype), torch.arange(16)
    cache = make_cache(D=32, dtype=dtype)
    exact = rope(q.double(), positions)

    result = attempt.rope_into_pages(q, k, positions, positions, cache)

    assert_rounded_once(result, exact, dtype, label="result")


def test_positions_have_no_upper_bound(attempt):
    (q, k), positions = make_qk(N=1), torch.tensor([200_000])
    expected = rope(q, positions)

    # float32 angles of 200,000 radians are good to about 0.02, and q stays below 6
    result = attempt.rope_into_pages(q, k, positions, torch.tensor([6]), make_cache())

    assert_close(result, expected, rtol=0.2, atol=0.2, why="float32 angles of 200,000 radians")


def test_bfloat16_knows_position_4001_from_4000(attempt):
    q, k = make_qk(N=2, D=16, dtype=torch.bfloat16)
    positions, cache = torch.tensor([4000, 4001]), make_cache(D=16, dtype=torch.bfloat16)
    exact = rope(q.double(), positions).bfloat16()

    # float32 angles of 4000 radians are good to about 1e-3
    result = attempt.rope_into_pages(q, k, positions, torch.tensor([0, 1]), cache)

    assert_close(result, exact, rtol=2e-2, atol=2e-2, why="float32 angles of 4000 radians")


def test_all_is_made_on_the_device_of_q(attempt):
    assert_follows_device(attempt.rope_into_pages, *make_qk(), MIXED, SLOTS, make_cache())


@pytest.mark.parametrize("D", [1, 7])
def test_rejects_an_odd_head_dimension(attempt, D):
    with pytest.raises(ValueError):
        attempt.rope_into_pages(*make_qk(D=D), MIXED, SLOTS, make_cache(D=D))
