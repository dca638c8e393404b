"""Tables whose rows hold their own index show which row was looked up."""

import math

import pytest
import torch

from grader.testing import (
    assert_close,
    assert_equal,
    assert_follows_device,
    assert_keeps_dtype,
    assert_same_gradients,
)


def make_qkt(B=2, H=3, T_q=5, T_k=5, D=8, R=3, dtype=torch.float64):
    shapes = (B, H, T_q, D), (B, H, T_k, D), (2 * R + 1, D)
    return [torch.randn(shape, dtype=dtype) for shape in shapes]


def naive_shaw(q, k, table):
    """One key for each pair of query and key."""
    T_q, T_k, R = q.shape[2], k.shape[2], len(table) // 2
    rows = [[min(max(j - i - (T_k - T_q), -R), R) + R for j in range(T_k)] for i in range(T_q)]
    keys = k[:, :, None] + table[torch.tensor(rows)]  # (B, H, T_q, T_k, D)
    return torch.einsum("bhid,bhijd->bhij", q, keys) / math.sqrt(q.shape[-1])


def buckets_of(N, r, bidirectional, max_distance):
    """The bucket of one r; None where rounding decides."""
    n = N // 2 if bidirectional else N
    e = n // 2
    d = abs(r) if bidirectional else max(-r, 0)
    side = n if bidirectional and r > 0 else 0
    if d <= e:
        return side + min(d, n - 1)
    steps = math.log(d / e) / math.log(max_distance / e) * (n - e)
    if abs(steps - round(steps)) < 2e-4 and e + round(steps) < n:
        return None
    return side + min(e + math.floor(steps), n - 1)


def assert_buckets(attempt, N, T_q, T_k, bidirectional, max_distance):
    """Two heads that tell the bucket and its opposite."""
    index = torch.arange(N, dtype=torch.float64)
    table = torch.stack([index, -index - 100], dim=1)
    expected = torch.zeros(T_q, T_k, dtype=torch.float64)
    clear = torch.ones(T_q, T_k, dtype=torch.bool)
    for i in range(T_q):
        for j in range(T_k):
            bucket = buckets_of(N, j - i - (T_k - T_q), bidirectional, max_distance)
            expected[i, j] = bucket or 0
            clear[i, j] = bucket is not None

    bias = attempt.t5_bias(table, T_q, T_k, bidirectional=bidirectional, max_distance=max_distance)

    assert_equal(tuple(bias.shape), (2, T_q, T_k), label="the shape of the bias")
    # where rounding decides, nothing is asked
    bias = torch.where(clear, bias, 0.0)
    assert_close(bias[0], expected * clear, label="buckets")
    assert_close(bias[1], (-expected - 100) * clear, label="the bias of the second head")


@pytest.mark.parametrize(
    "B, H, T_q, T_k, D, R",
    [
        pytest.param(2, 3, 5, 5, 8, 3, id="square"),
        pytest.param(2, 2, 9, 9, 4, 2, id="mostly-clipped"),
        pytest.param(2, 2, 4, 4, 6, 10, id="never-clipped"),
        pytest.param(1, 2, 3, 8, 5, 2, id="after-a-cache"),
        pytest.param(2, 1, 7, 3, 4, 2, id="more-queries-than-keys"),
        pytest.param(2, 2, 4, 6, 4, 0, id="one-row"),
    ],
)
def test_shaw_matches_the_formula(attempt, B, H, T_q, T_k, D, R):
    inputs = make_qkt(B, H, T_q, T_k, D, R)
    expected = naive_shaw(*inputs)

    assert_close(attempt.shaw_scores(*inputs), expected)


def test_shaw_looks_up_the_distance_from_query_to_key(attempt):
    # no content; with D=1 and q=1 the score is the row itself
    q, k = torch.ones(1, 1, 4, 1), torch.zeros(1, 1, 4, 1)
    table = torch.arange(5.0)[:, None]
    expected = torch.tensor(
        [[2.0, 3.0, 4.0, 4.0], [1.0, 2.0, 3.0, 4.0], [0.0, 1.0, 2.0, 3.0], [0.0, 0.0, 1.0, 2.0]]
    )

    assert_close(attempt.shaw_scores(q, k, table)[0, 0], expected)


def test_shaw_aligns_the_last_query_with_the_last_key(attempt):
    q, k, table = make_qkt(T_q=6, T_k=6)
    expected = naive_shaw(q, k, table)[:, :, -1:]

    assert_close(attempt.shaw_scores(q[:, :, -1:], k, table), expected)


def test_shaw_has_the_gradients_of_the_formula(attempt):
    assert_same_gradients(
        attempt.shaw_scores, naive_shaw, *make_qkt(T_q=4, T_k=6, R=2), names=("q", "k", "table")
    )


def test_shaw_returns_the_dtype_of_q(attempt):
    assert_keeps_dtype(attempt.shaw_scores, *make_qkt())


def test_shaw_computes_bfloat16_in_float32(attempt):
    q, k, table = make_qkt(T_q=16, T_k=16, D=32, R=4, dtype=torch.bfloat16)
    exact = naive_shaw(q.double(), k.double(), table.double())

    result = attempt.shaw_scores(q, k, table)

    # content and position may cancel; what float32 loses there is below 1e-5
    assert_close(
        result, exact.bfloat16(), rtol=8e-3, atol=2e-5, why="float32, rounded once to bfloat16"
    )


@pytest.mark.parametrize(
    "N, T_q, T_k, max_distance",
    [
        pytest.param(32, 150, 150, 128, id="t5"),
        pytest.param(32, 3, 200, 100, id="after-a-cache"),
        pytest.param(8, 40, 40, 20, id="few-buckets"),
        pytest.param(4, 12, 9, 7, id="one-bucket-of-each-kind"),
        pytest.param(32, 40, 40, 12, id="max-distance-between-e-and-n"),
    ],
)
def test_t5_buckets_of_the_encoder(attempt, N, T_q, T_k, max_distance):
    assert_buckets(attempt, N, T_q, T_k, True, max_distance)


@pytest.mark.parametrize(
    "N, T_q, T_k, max_distance",
    [
        pytest.param(32, 150, 150, 128, id="t5"),
        pytest.param(32, 3, 200, 100, id="after-a-cache"),
        pytest.param(6, 40, 40, 20, id="few-buckets"),
        pytest.param(2, 9, 12, 7, id="one-bucket-of-each-kind"),
    ],
)
def test_t5_buckets_of_the_decoder(attempt, N, T_q, T_k, max_distance):
    assert_buckets(attempt, N, T_q, T_k, False, max_distance)


@pytest.mark.parametrize("bidirectional", [True, False], ids=["encoder", "decoder"])
@pytest.mark.parametrize("max_distance", [50, 300], ids="max_distance={}".format)
def test_t5_max_distance_sets_where_the_last_bucket_begins(attempt, bidirectional, max_distance):
    assert_buckets(attempt, 32, 2, 310, bidirectional, max_distance)


@pytest.mark.parametrize(
    "r, bucket",
    [
        pytest.param(0, 0, id="itself"),
        pytest.param(-5, 5, id="5-before"),
        pytest.param(-8, 8, id="8-before"),
        pytest.param(-20, 10, id="20-before"),
        pytest.param(-500, 15, id="500-before"),
        pytest.param(5, 21, id="5-after"),
        pytest.param(20, 26, id="20-after"),
        pytest.param(500, 31, id="500-after"),
    ],
)
def test_t5_buckets_by_hand(attempt, r, bucket):
    table = torch.randn(32, 3)
    # the last key is 0 after the last query
    T = abs(r) + 1
    i, j = (T - 1, 0) if r < 0 else (0, T - 1)

    bias = attempt.t5_bias(table, T, T)

    assert_close(bias[:, i, j], table[bucket])


def test_t5_is_bidirectional_up_to_128_if_not_told_otherwise(attempt):
    table = torch.randn(32, 2)
    expected = attempt.t5_bias(table, 140, 140, bidirectional=True, max_distance=128)
    hand = table[[10, 26]]

    bias = attempt.t5_bias(table, 140, 140)

    assert_close(bias, expected)
    # 20 before and 20 after
    assert_close(torch.stack([bias[:, 30, 10], bias[:, 30, 50]]), hand)


@pytest.mark.parametrize("bidirectional", [True, False], ids=["encoder", "decoder"])
def test_t5_gradients_count_how_often_a_bucket_is_used(attempt, reference, bidirectional):
    assert_same_gradients(
        attempt.t5_bias,
        reference.t5_bias,
        torch.randn(8, 3, dtype=torch.float64),
        *(5, 15),
        names=("table", "T_q", "T_k"),
        bidirectional=bidirectional,
        max_distance=21,
    )


def test_t5_returns_the_values_of_the_table_in_its_dtype(attempt):
    assert_keeps_dtype(attempt.t5_bias, torch.randn(8, 3), 5, 5)
    table = torch.randn(8, 3, dtype=torch.bfloat16)
    expected = table[0][:, None].expand(3, 5)

    bias = attempt.t5_bias(table, 5, 5)

    assert_equal(bias.diagonal(dim1=1, dim2=2), expected, label="the bias of each token to itself")


def test_shaw_makes_all_on_the_device_of_q(attempt):
    assert_follows_device(attempt.shaw_scores, *make_qkt(T_q=3))


@pytest.mark.parametrize("bidirectional", [True, False], ids=["encoder", "decoder"])
def test_t5_makes_all_on_the_device_of_the_table(attempt, bidirectional):
    assert_follows_device(attempt.t5_bias, torch.randn(8, 3), 5, 6, bidirectional=bidirectional)


@pytest.mark.parametrize(
    "N, bidirectional, max_distance",
    [
        pytest.param(6, True, 128, id="6-buckets-both-ways"),
        pytest.param(7, False, 128, id="7-buckets-one-way"),
        pytest.param(32, True, 8, id="max-distance-8-both-ways"),
        pytest.param(32, False, 16, id="max-distance-16-one-way"),
    ],
)
def test_t5_rejects_buckets_that_do_not_fit(attempt, N, bidirectional, max_distance):
    with pytest.raises(ValueError):
        attempt.t5_bias(
            torch.randn(N, 2), 4, 4, bidirectional=bidirectional, max_distance=max_distance
        )
