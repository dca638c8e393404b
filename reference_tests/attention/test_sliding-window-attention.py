"""Values are compared in float64, where only logic, not rounding, can differ."""

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from grader.testing import (
    assert_close,
    assert_follows_device,
    assert_same_gradients,
    flops,
    largest_intermediate,
)

SIZES = [
    pytest.param(8, 8, 4, id="window-divides"),
    pytest.param(11, 11, 4, id="window-does-not-divide"),
    pytest.param(10, 10, 3, id="window-of-three"),
    pytest.param(9, 9, 2, id="window-of-two"),
    pytest.param(7, 7, 7, id="window-of-all"),
    pytest.param(5, 5, 50, id="wide-window"),
    pytest.param(5, 13, 3, id="chunk"),
    pytest.param(7, 9, 4, id="long-chunk"),
    pytest.param(1, 1, 3, id="one-token"),
]


def make_qkv(B=2, H=3, T_q=11, T_k=11, D=8, D_v=5, dtype=torch.float64):
    # as heads are split off in practice: views that are not contiguous
    shapes = (B, T_q, H, D), (B, T_k, H, D), (B, T_k, H, D_v)
    return [torch.randn(shape, dtype=dtype).transpose(1, 2) for shape in shapes]


def by_torch(q, k, v, window):
    """torch's attention with the mask written from its definition."""
    T_q, T_k = q.shape[2], k.shape[2]
    places = [i + T_k - T_q for i in range(T_q)]
    mask = torch.tensor([[p - window < j <= p for j in range(T_k)] for p in places])
    return scaled_dot_product_attention(q, k, v, attn_mask=mask)


@pytest.mark.parametrize("T_q, T_k, window", SIZES)
def test_matches_torch(attempt, T_q, T_k, window):
    qkv = make_qkv(T_q=T_q, T_k=T_k)
    expected = by_torch(*qkv, window)

    assert_close(attempt.sliding_window_attention(*qkv, window), expected)


def test_a_window_of_one_sees_only_itself(attempt):
    q, k, v = make_qkv(T_q=5, T_k=8)
    expected = v[:, :, 3:].clone()

    assert_close(attempt.sliding_window_attention(q, k, v, 1), expected)


def test_a_window_counts_its_own_key(attempt):
    # zero queries average what they see
    q, k, v = make_qkv(B=1, H=1, T_q=5, T_k=5, D_v=1)
    v[:] = torch.tensor([1.0, 2.0, 4.0, 8.0, 16.0])[:, None]

    expected = torch.tensor([1, 3 / 2, 7 / 3, 14 / 3, 28 / 3], dtype=torch.float64)

    read = attempt.sliding_window_attention(torch.zeros_like(q), k, v, 3)

    assert_close(read[0, 0, :, 0], expected, label="what the five queries read")


@pytest.mark.parametrize("window", [1, 3, 8])
def test_a_new_token_sees_the_last_keys_of_the_cache(attempt, window):
    q, k, v = make_qkv(T_q=1, T_k=8)
    expected = scaled_dot_product_attention(q, k[:, :, -window:], v[:, :, -window:])

    assert_close(attempt.sliding_window_attention(q, k, v, window), expected)


def test_no_query_sees_a_later_key(attempt):
    q, k, v = make_qkv()
    expected = by_torch(q, k, v, 4)[:, :, :6]
    k, v = k.clone(), v.clone()
    k[:, :, 6:], v[:, :, 6:] = 9.0, 9.0

    result = attempt.sliding_window_attention(q, k, v, 4)[:, :, :6]

    assert_close(result, expected, label="queries 0 to 5")


def test_a_window_of_all_keys_is_causal_attention(attempt):
    q, k, v = make_qkv()
    expected = scaled_dot_product_attention(q, k, v, is_causal=True)

    assert_close(attempt.sliding_window_attention(q, k, v, 11), expected)


@pytest.mark.parametrize(
    "T_q, T_k, window", [(11, 11, 4), (3, 9, 5), (6, 6, 20)], ids=["square", "chunk", "wide"]
)
def test_gradients_match_torch(attempt, T_q, T_k, window):
    qkv = make_qkv(T_q=T_q, T_k=T_k)

    assert_same_gradients(
        lambda *qkv: attempt.sliding_window_attention(*qkv, window),
        lambda *qkv: by_torch(*qkv, window),
        *qkv,
        names=("q", "k", "v"),
    )


@pytest.mark.parametrize("window", [2, 4])
def test_memory_is_linear_in_the_length(attempt, window):
    qkv = make_qkv(B=1, H=1, T_q=256, T_k=256, D=4, D_v=4)
    limit = 2 * (256 + window) * window * 4

    made = largest_intermediate(attempt.sliding_window_attention, *qkv, window)

    assert made <= limit


@pytest.mark.parametrize("window", [2, 4])
def test_work_is_linear_in_the_length(attempt, window):
    qkv = make_qkv(B=1, H=1, T_q=256, T_k=256, D=4, D_v=4)
    limit = 16 * (256 + window) * window * (4 + 4)

    assert flops(attempt.sliding_window_attention, *qkv, window) <= limit


def test_work_of_a_chunk_does_not_grow_with_the_cache(attempt):
    qkv = make_qkv(B=1, H=1, T_q=8, T_k=512, D=4, D_v=4)
    limit = 16 * (8 + 4) * 4 * (4 + 4)

    assert flops(attempt.sliding_window_attention, *qkv, 4) <= limit


def test_a_long_sequence_matches_torch(attempt):
    qkv = make_qkv(B=1, H=1, T_q=150, T_k=170)
    expected = by_torch(*qkv, 16)

    assert_close(attempt.sliding_window_attention(*qkv, 16), expected)


def test_scores_in_the_thousands_do_not_overflow(attempt):
    q, k, v = make_qkv()
    expected = by_torch(q * 50, k * 50, v, 4)

    assert_close(attempt.sliding_window_attention(q * 50, k * 50, v, 4), expected)


def test_what_is_hidden_stays_so_among_scores_far_below_zero(attempt):
    q, k, v = make_qkv()
    q[..., 0], k[..., 0] = 1.0, -1e5  # all scores lie near -1e5 / sqrt(8) = -35,355
    expected = by_torch(q, k, v, 4)

    assert_close(attempt.sliding_window_attention(q, k, v, 4), expected)


@pytest.mark.parametrize(
    "dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str
)
def test_returns_the_dtype_of_q(attempt, dtype):
    qkv = make_qkv(dtype=dtype)

    assert attempt.sliding_window_attention(*qkv, 3).dtype == dtype


def test_bfloat16_is_computed_in_float32(attempt):
    q, k, v = make_qkv(T_q=16, T_k=16, D=48, D_v=32, dtype=torch.bfloat16)
    q = q * 8  # scores of about 8, where bfloat16 is spaced 1/16 apart
    expected = by_torch(q.double(), k.double(), v.double(), 6).bfloat16()

    assert_close(
        attempt.sliding_window_attention(q, k, v, 6),
        expected,
        rtol=1.6e-2,
        atol=1e-4,
        why="sums near zero carry float32's rounding",
    )


def test_positions_are_made_on_the_device_of_q(attempt):
    assert_follows_device(attempt.sliding_window_attention, *make_qkv(), 4)


@pytest.mark.parametrize("window", [0, -2])
def test_rejects_a_window_below_one(attempt, window):
    with pytest.raises(ValueError):
        attempt.sliding_window_attention(*make_qkv(), window)


def test_rejects_more_queries_than_keys(attempt):
    with pytest.raises(ValueError):
        attempt.sliding_window_attention(*make_qkv(T_q=5, T_k=4), 3)


def bench(attempt, size, device):
    """Size is the length: 1 sequence, 4 heads of 64, a window of 64, in float32."""
    q, k, v = (x.to(device) for x in make_qkv(1, 4, size, size, 64, 64, torch.float32))
    return lambda: attempt.sliding_window_attention(q, k, v, 64)


bench.sizes = (64, 256, 1024)
