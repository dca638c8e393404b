"""Values are compared in float64, where only logic, not rounding, can differ."""

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from grader.testing import (
    assert_close,
    assert_follows_device,
    assert_same_gradients,
    largest_intermediate,
)

NAMES = ("q", "k", "v")
SIZES = [
    pytest.param(6, 5, 5, id="square"),
    pytest.param(4, 4, 4, id="as-many-heads-as-tokens"),
    pytest.param(3, 3, 7, id="chunked-prefill"),
    pytest.param(8, 1, 7, id="one-new-token"),
    pytest.param(1, 5, 6, id="one-head"),
]


def make_qkv(B=2, H=6, T_q=5, T_k=5, D=8, D_v=7, dtype=torch.float64):
    # as heads are split off in practice: views that are not contiguous
    q = torch.randn(B, T_q, H, D, dtype=dtype).transpose(1, 2)
    k, v = (torch.randn(T_k, B, width, dtype=dtype).transpose(0, 1) for width in (D, D_v))
    return q, k, v


def by_torch(q, k, v, *, causal=True):
    """torch's attention with k and v copied for each head, and the mask by its definition."""
    H, T_q, T_k = q.shape[1], q.shape[2], k.shape[1]
    k, v = (x[:, None].expand(-1, H, -1, -1) for x in (k, v))
    mask = None
    if causal:
        mask = torch.tensor([[j <= i + T_k - T_q for j in range(T_k)] for i in range(T_q)])
    return scaled_dot_product_attention(q, k, v, attn_mask=mask)


@pytest.mark.parametrize("H, T_q, T_k", SIZES)
def test_matches_torch(attempt, H, T_q, T_k):
    qkv = make_qkv(H=H, T_q=T_q, T_k=T_k)
    expected = by_torch(*qkv)

    assert_close(attempt.multi_query_attention(*qkv), expected)


@pytest.mark.parametrize("H, T_q, T_k", [*SIZES, pytest.param(6, 7, 3, id="cross-attention")])
def test_without_causal_every_query_sees_every_key(attempt, H, T_q, T_k):
    qkv = make_qkv(H=H, T_q=T_q, T_k=T_k)
    expected = by_torch(*qkv, causal=False)

    assert_close(attempt.multi_query_attention(*qkv, causal=False), expected)


def test_each_head_uses_its_own_queries(attempt):
    q, k, v = make_qkv(H=3)
    expected = [by_torch(q[:, h : h + 1], k, v) for h in range(3)]

    assert_close(attempt.multi_query_attention(q, k, v), torch.cat(expected, dim=1))


def test_one_new_token_sees_the_whole_cache(attempt):
    qkv = make_qkv(T_q=1, T_k=7)
    expected = by_torch(*qkv, causal=False)

    assert_close(attempt.multi_query_attention(*qkv, causal=True), expected)


def test_a_case_worked_out_by_hand(attempt):
    # scores of head 0 are 0 and ln 3, of head 1 ln 3 and 0
    q = torch.tensor([[[[0.0, 2.0, 0.0, 0.0]], [[2.0, 0.0, 0.0, 0.0]]]], dtype=torch.float64)
    k = torch.tensor([[[3.0, 1.0, 1.0, 1.0], [1.0, 3.0, 1.0, 1.0]]], dtype=torch.float64).log()
    v = torch.tensor([[[0.0], [8.0]]], dtype=torch.float64)
    expected = torch.tensor([[[[6.0]], [[2.0]]]], dtype=torch.float64)

    assert_close(attempt.multi_query_attention(q, k, v), expected)


@pytest.mark.parametrize(
    "T_q, causal", [(1, True), (1, False), (3, True)], ids=["decode", "not-causal", "chunk"]
)
def test_keys_and_values_are_not_copied_for_each_head(attempt, T_q, causal):
    qkv = make_qkv(B=2, H=8, T_q=T_q, T_k=64, D=16, D_v=16)
    # one key head: 2 * 64 * 16; the scores: 2 * 8 * T_q * 64
    limit = max(2 * 64 * 16, 2 * 8 * T_q * 64)

    made = largest_intermediate(attempt.multi_query_attention, *qkv, causal=causal)

    assert made <= limit


@pytest.mark.parametrize(
    "T_q, T_k, causal",
    [(5, 5, True), (3, 7, True), (7, 3, False)],
    ids=["square", "chunked-prefill", "cross-attention"],
)
def test_gradients_match_torch(attempt, T_q, T_k, causal):
    qkv = make_qkv(T_q=T_q, T_k=T_k)

    assert_same_gradients(attempt.multi_query_attention, by_torch, *qkv, names=NAMES, causal=causal)


def test_scores_in_the_thousands_do_not_overflow(attempt):
    q, k, v = make_qkv()
    expected = by_torch(q * 50, k * 50, v)

    assert_close(attempt.multi_query_attention(q * 50, k * 50, v), expected)


def test_what_is_hidden_stays_so_among_scores_far_below_zero(attempt):
    q, k, v = make_qkv(T_q=3, T_k=7)
    q[..., 0], k[..., 0] = 1.0, -1e5  # all scores lie near -1e5 / sqrt(8) = -35,355
    expected = by_torch(q, k, v)

    assert_close(attempt.multi_query_attention(q, k, v), expected)


def test_what_is_hidden_stays_so_below_float16s_range(attempt):
    q, k, v = make_qkv(dtype=torch.float16)
    q[:], k[:] = 0, 0
    q[..., 0], k[..., 0] = 8.0, -4e4  # all scores are -320,000 / sqrt(8) = -113,137
    expected = by_torch(q.double(), k.double(), v.double()).half()

    out = attempt.multi_query_attention(q, k, v)
    assert_close(out, expected, rtol=0.02, atol=0.02, why="scores near -1e5, in float32")


@pytest.mark.parametrize(
    "dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str
)
def test_returns_the_dtype_of_q(attempt, dtype):
    qkv = make_qkv(dtype=dtype)

    assert attempt.multi_query_attention(*qkv).dtype == dtype


def test_bfloat16_is_computed_in_float32(attempt):
    q, k, v = make_qkv(T_q=16, T_k=16, D=58, D_v=32, dtype=torch.bfloat16)
    # scores of about 8, where bfloat16 is spaced 1/16 apart; 1/sqrt(58) is no number of its own
    q = q * 8
    expected = by_torch(q.double(), k.double(), v.double()).bfloat16()

    assert_close(
        attempt.multi_query_attention(q, k, v),
        expected,
        rtol=1.6e-2,
        atol=1e-4,
        why="sums near zero carry float32's rounding",
    )


def test_a_second_call_gives_the_same(attempt):
    qkv = make_qkv()
    expected = by_torch(*qkv)
    attempt.multi_query_attention(*make_qkv(T_q=2))

    assert_close(attempt.multi_query_attention(*qkv), expected)


def test_the_mask_is_made_on_the_device_of_q(attempt):
    assert_follows_device(attempt.multi_query_attention, *make_qkv())


def bench(attempt, size, device):
    """Size is the length of a prompt: 2 sequences, 8 query heads of 64, in float32."""
    q, k, v = (x.to(device) for x in make_qkv(2, 8, size, size, 64, 64, torch.float32))
    return lambda: attempt.multi_query_attention(q, k, v)


bench.sizes = (32, 128, 512)
