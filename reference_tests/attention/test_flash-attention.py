"""Values are compared in float64, where only logic, not rounding, can differ."""

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from grader.testing import assert_close, assert_follows_device, largest_intermediate

INF = float("inf")


def make_qkv(B=2, H=3, T_q=10, T_k=13, D=8, D_v=5, dtype=torch.float64):
    # as heads are split off in practice: views that are not contiguous
    shapes = (B, T_q, H, D), (B, T_k, H, D), (B, T_k, H, D_v)
    return [torch.randn(shape, dtype=dtype).transpose(1, 2) for shape in shapes]


def last_aligned(T_q, T_k):
    """The causal mask written from its definition: j <= i + (T_k - T_q)."""
    return torch.tensor([[j <= i + T_k - T_q for j in range(T_k)] for i in range(T_q)])


def expect(q, k, v, *, causal=False):
    """torch's attention and torch's logsumexp of the scores."""
    T_q, T_k = q.shape[2], k.shape[2]
    mask = last_aligned(T_q, T_k) if causal else torch.ones(T_q, T_k, dtype=torch.bool)
    scores = (q @ k.mT / q.shape[3] ** 0.5).masked_fill(~mask, -INF)
    out = scaled_dot_product_attention(q, k, v, attn_mask=mask)
    blind = ~mask.any(dim=-1)
    out[:, :, blind] = 0
    return out, scores.logsumexp(dim=-1)


@pytest.mark.parametrize(
    "T_q, T_k",
    [(8, 8), (4, 12), (12, 4), (1, 16)],
    ids=["square", "more-keys", "more-queries", "one-query"],
)
def test_matches_torch(attempt, T_q, T_k):
    qkv = make_qkv(T_q=T_q, T_k=T_k)
    expected, _ = expect(*qkv)

    out, _ = attempt.flash_attention(*qkv, block_q=4, block_k=4)

    assert_close(out, expected, label="out")


@pytest.mark.parametrize("causal", [False, True], ids=["full", "causal"])
def test_lse_matches_logsumexp(attempt, causal):
    qkv = make_qkv()
    _, expected = expect(*qkv, causal=causal)

    _, lse = attempt.flash_attention(*qkv, causal=causal, block_q=4, block_k=4)

    assert_close(lse, expected, label="lse")


@pytest.mark.parametrize("causal", [False, True], ids=["full", "causal"])
@pytest.mark.parametrize(
    "block_q, block_k",
    [(4, 5), (7, 3), (1, 1), (3, 13), (10, 6), (64, 64), (2, 100)],
    ids=["4-by-5", "7-by-3", "1-by-1", "3-by-13", "10-by-6", "64-by-64", "2-by-100"],
)
def test_blocks_need_not_divide_the_lengths(attempt, block_q, block_k, causal):
    qkv = make_qkv(T_q=10, T_k=13)
    expected = expect(*qkv, causal=causal)

    result = attempt.flash_attention(*qkv, causal=causal, block_q=block_q, block_k=block_k)

    assert_close(result, expected)


def test_the_default_blocks_serve_long_sequences(attempt):
    qkv = make_qkv(B=1, H=1, T_q=70, T_k=150)
    expected = expect(*qkv, causal=True)

    assert_close(attempt.flash_attention(*qkv, causal=True), expected)


@pytest.mark.parametrize(
    "T_q, T_k", [(9, 9), (5, 11), (1, 11)], ids=["square", "chunked-prefill", "one-new-token"]
)
def test_causal_aligns_the_last_query_with_the_last_key(attempt, T_q, T_k):
    qkv = make_qkv(T_q=T_q, T_k=T_k)
    expected = expect(*qkv, causal=True)

    assert_close(attempt.flash_attention(*qkv, causal=True, block_q=4, block_k=3), expected)


@pytest.mark.parametrize("block_q", [2, 3, 16])
def test_a_query_that_sees_no_key_gives_zeros_and_minus_infinity(attempt, block_q):
    qkv = make_qkv(T_q=9, T_k=4)
    expected = expect(*qkv, causal=True)

    result = attempt.flash_attention(*qkv, causal=True, block_q=block_q, block_k=2)

    assert_close(result, expected)


def test_a_case_worked_out_by_hand(attempt):
    # scores 0, ln 2 and ln 5 in three tiles: weights 1/8, 2/8 and 5/8
    q = torch.tensor([[[[2.0, 0.0, 0.0, 0.0]]]], dtype=torch.float64)
    k = torch.zeros(1, 1, 3, 4, dtype=torch.float64)
    k[0, 0, :, 0] = torch.tensor([1.0, 2.0, 5.0], dtype=torch.float64).log()
    v = torch.tensor([[[[8.0], [0.0], [16.0]]]], dtype=torch.float64)
    out = torch.tensor([[[[11.0]]]], dtype=torch.float64)
    lse = torch.tensor([[[8.0]]], dtype=torch.float64).log()

    assert_close(attempt.flash_attention(q, k, v, block_k=1), (out, lse))


def test_scores_in_the_thousands_do_not_overflow(attempt):
    q, k, v = make_qkv()
    expected = expect(q * 60, k * 60, v)

    assert_close(attempt.flash_attention(q * 60, k * 60, v, block_q=4, block_k=4), expected)


@pytest.mark.parametrize("place", ["first", "last"])
def test_one_large_score_in_any_tile_does_not_overflow(attempt, place):
    q, k, v = make_qkv(T_k=12)
    q = q.abs() + 0.5
    k[:, :, 0 if place == "first" else -1] = 2000.0  # this key outweighs all others
    expected = expect(q, k, v)

    assert_close(attempt.flash_attention(q, k, v, block_q=4, block_k=4), expected)


def test_scores_far_below_zero_do_not_vanish(attempt):
    q, k, v = make_qkv()
    q, k = q.abs() + 1, -(k.abs() + 1) * 500
    expected = expect(q, k, v)

    assert_close(attempt.flash_attention(q, k, v, block_q=4, block_k=4), expected)


def test_what_is_hidden_stays_so_among_scores_far_below_zero(attempt):
    q, k, v = make_qkv()
    q[..., 0], k[..., 0] = 1.0, -1e5  # all scores lie near -1e5 / sqrt(8) = -35,355
    expected = expect(q, k, v, causal=True)

    assert_close(attempt.flash_attention(q, k, v, causal=True, block_q=4, block_k=4), expected)


@pytest.mark.parametrize("causal", [False, True], ids=["full", "causal"])
def test_never_makes_t_by_t(attempt, causal):
    qkv = make_qkv(B=1, H=2, T_q=96, T_k=160, D=4, D_v=4)
    limit = 160 * 2 * 4

    made = largest_intermediate(attempt.flash_attention, *qkv, causal=causal, block_q=8, block_k=16)

    assert made <= limit


def test_never_holds_all_keys_scores(attempt):
    qkv = make_qkv(B=1, H=2, T_q=64, T_k=512, D=4, D_v=4)
    limit = 512 * 2 * 4

    made = largest_intermediate(attempt.flash_attention, *qkv, block_q=16, block_k=32)

    assert made <= limit


def test_never_holds_all_queries_scores(attempt):
    qkv = make_qkv(B=1, H=2, T_q=512, T_k=64, D=4, D_v=4)
    limit = 512 * 2 * 4

    made = largest_intermediate(attempt.flash_attention, *qkv, block_q=32, block_k=16)

    assert made <= limit


@pytest.mark.parametrize(
    "dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str
)
def test_out_has_the_dtype_of_q_and_lse_at_least_float32(attempt, dtype):
    qkv = make_qkv(dtype=dtype)

    out, lse = attempt.flash_attention(*qkv, block_q=4, block_k=4)

    assert [out.dtype, lse.dtype] == [dtype, torch.promote_types(dtype, torch.float32)]


def test_bfloat16_is_computed_in_float32(attempt):
    q, k, v = make_qkv(T_q=16, T_k=64, D=64, D_v=32, dtype=torch.bfloat16)
    q = q * 8  # scores of about 8, where bfloat16 is spaced 1/16 apart
    out, lse = expect(q.double(), k.double(), v.double())
    expected = out.bfloat16(), lse.float()

    assert_close(
        attempt.flash_attention(q, k, v, block_q=8, block_k=8),
        expected,
        rtol=1.6e-2,
        atol=1e-4,
        why="sums near zero carry float32's rounding",
    )


def test_lse_is_not_rounded_to_half_precision(attempt):
    q, k, v = make_qkv(dtype=torch.bfloat16)
    _, exact = expect(q.double(), k.double(), v.double())

    _, lse = attempt.flash_attention(q, k, v, block_q=4, block_k=4)

    assert_close(lse, exact.float(), rtol=1e-5, atol=1e-5, why="float32 sums", label="lse")


def test_float16_dot_products_may_exceed_65504(attempt):
    q, k, v = make_qkv(D=64, dtype=torch.float16)
    # every dot product with key 0 is 64 * 40 * 40 = 102,400, the others 0.1 % less
    q, k = torch.full_like(q, 40), torch.full_like(k, 39.96875)
    k[:, :, 0] = 40
    out, _ = expect(q.double(), k.double(), v.double())

    result, _ = attempt.flash_attention(q, k, v, block_q=4, block_k=4)

    assert_close(
        result,
        out.half(),
        rtol=1e-2,
        atol=1e-2,
        why="float32 holds a log-sum-exp near 12,800 to 0.001",
        label="out",
    )


def test_a_second_call_gives_the_same(attempt):
    qkv = make_qkv()
    expected = expect(*qkv, causal=True)
    attempt.flash_attention(*make_qkv(T_q=5), block_q=4, block_k=4)

    assert_close(attempt.flash_attention(*qkv, causal=True, block_q=4, block_k=4), expected)


def test_all_is_made_on_the_device_of_q(attempt):
    assert_follows_device(attempt.flash_attention, *make_qkv(), causal=True, block_q=4, block_k=4)


@pytest.mark.parametrize(
    "blocks",
    [(0, 4), (4, 0), (-1, 4), (4, -2)],
    ids=["no-q", "no-k", "negative-q", "negative-k"],
)
def test_rejects_blocks_below_one(attempt, blocks):
    with pytest.raises(ValueError):
        attempt.flash_attention(*make_qkv(), block_q=blocks[0], block_k=blocks[1])


def bench(attempt, size, device):
    """Size is the length: 1 sequence, 4 heads of 64, causal, tiles of 64, in float32."""
    qkv = [x.to(device) for x in make_qkv(1, 4, size, size, 64, 64, torch.float32)]
    return lambda: attempt.flash_attention(*qkv, causal=True)


bench.sizes = (64, 256, 1024)
