"""Values are compared in float64, where only logic, not rounding, can differ."""

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from grader.testing import (
    assert_close,
    assert_follows_device,
    assert_keeps_dtype,
    assert_same_gradients,
)

INF = float("inf")


def make_qkv(B=2, H=3, T_q=4, T_k=6, D=8, D_v=5, dtype=torch.float64):
    # as heads are split off in practice: views that are not contiguous
    shapes = (B, T_q, H, D), (B, T_k, H, D), (B, T_k, H, D_v)
    return [torch.randn(shape, dtype=dtype).transpose(1, 2) for shape in shapes]


def random_mask(*shape):
    """About half of the keys, and the last one for every query: no row is blind."""
    mask = torch.rand(shape) < 0.5
    mask[..., -1] = True
    return mask


def last_aligned(T_q, T_k):
    """The causal mask written from its definition: j <= i + (T_k - T_q)."""
    return torch.tensor([[j <= i + T_k - T_q for j in range(T_k)] for i in range(T_q)])


@pytest.mark.parametrize(
    "T_q, T_k",
    [(6, 6), (4, 6), (6, 4), (1, 1)],
    ids=["square", "more-keys", "more-queries", "one-of-each"],
)
def test_matches_torch(attempt, T_q, T_k):
    q, k, v = make_qkv(T_q=T_q, T_k=T_k)
    expected = scaled_dot_product_attention(q, k, v)

    assert_close(attempt.attention(q, k, v), expected)


@pytest.mark.parametrize(
    "shape",
    [
        pytest.param((4, 6), id="one-for-all"),
        pytest.param((2, 1, 1, 6), id="padding"),
        pytest.param((3, 1, 6), id="by-head"),
        pytest.param((2, 3, 4, 6), id="full"),
    ],
)
def test_true_in_a_boolean_mask_means_may_attend(attempt, shape):
    q, k, v = make_qkv()
    mask = random_mask(*shape)
    expected = scaled_dot_product_attention(q, k, v, attn_mask=mask)

    assert_close(attempt.attention(q, k, v, mask), expected)


@pytest.mark.parametrize(
    "shape",
    [(4, 6), (2, 1, 1, 6), (1, 3, 4, 6), (2, 3, 4, 6)],
    ids=["one-for-all", "by-batch", "by-head", "full"],
)
def test_a_float_mask_is_added_to_the_scaled_scores(attempt, shape):
    q, k, v = make_qkv()
    bias = torch.randn(shape, dtype=torch.float64)
    bias = bias.masked_fill(~random_mask(*shape), -INF)
    expected = scaled_dot_product_attention(q, k, v, attn_mask=bias)

    assert_close(attempt.attention(q, k, v, bias), expected)


@pytest.mark.parametrize(
    "T_q, T_k", [(5, 5), (3, 7), (1, 7)], ids=["square", "chunked-prefill", "one-new-token"]
)
def test_causal_aligns_the_last_query_with_the_last_key(attempt, T_q, T_k):
    q, k, v = make_qkv(T_q=T_q, T_k=T_k)
    mask = last_aligned(T_q, T_k)
    expected = scaled_dot_product_attention(q, k, v, attn_mask=mask)

    assert_close(attempt.attention(q, k, v, causal=True), expected)


def test_with_more_queries_than_keys_the_first_queries_see_nothing(attempt):
    q, k, v = make_qkv(T_q=7, T_k=3)
    tail = scaled_dot_product_attention(q[:, :, 4:], k, v, is_causal=True)
    expected = torch.cat([torch.zeros(2, 3, 4, 5, dtype=torch.float64), tail], dim=2)

    assert_close(attempt.attention(q, k, v, causal=True), expected)


@pytest.mark.parametrize("kind", ["boolean", "float"])
def test_a_key_must_pass_both_mask_and_causal(attempt, kind):
    q, k, v = make_qkv(T_q=4, T_k=6)
    mask = random_mask(4, 6)
    mask[:, 0] = True
    visible = mask & last_aligned(4, 6)
    bias = torch.randn(4, 6, dtype=torch.float64) if kind == "float" else torch.zeros(4, 6)
    bias = bias.double().masked_fill(~mask, -INF)
    expected = scaled_dot_product_attention(q, k, v, bias.masked_fill(~visible, -INF))
    given = bias if kind == "float" else mask

    assert_close(attempt.attention(q, k, v, given, causal=True), expected)


def blind_mask(kind):
    """Hides all keys from query 2 of batch row 0, and from all queries in head 1 of row 1."""
    mask = random_mask(2, 3, 4, 6)
    mask[0, :, 2] = False
    mask[1, 1] = False
    if kind == "boolean":
        return mask
    return torch.randn(2, 3, 4, 6, dtype=torch.float64).masked_fill(~mask, -INF)


@pytest.mark.parametrize("kind", ["boolean", "float"])
def test_a_query_that_sees_no_key_gives_zeros(attempt, kind):
    q, k, v = make_qkv()
    v = v + 1  # the mean of v is far from zero
    mask = blind_mask(kind)
    expected = scaled_dot_product_attention(q, k, v, attn_mask=mask)
    expected[0, :, 2] = 0
    expected[1, 1] = 0

    assert_close(attempt.attention(q, k, v, mask), expected)


def test_keys_left_by_mask_but_hidden_by_causal_make_a_row_of_zeros(attempt):
    q, k, v = make_qkv(T_q=3, T_k=3)
    last_only = torch.tensor([False, False, True])
    expected = torch.zeros_like(v)
    expected[:, :, 2] = v[:, :, 2]

    assert_close(attempt.attention(q, k, v, last_only, causal=True), expected)


@pytest.mark.parametrize("scale", [0.7, -0.2, 0.0])
def test_scale_replaces_the_default(attempt, scale):
    q, k, v = make_qkv()
    expected = ((q @ k.transpose(-2, -1)) * scale).softmax(dim=-1) @ v

    assert_close(attempt.attention(q, k, v, scale=scale), expected)


def test_scale_does_not_touch_a_float_mask(attempt):
    q, k, v = make_qkv()
    bias = torch.randn(4, 6, dtype=torch.float64)
    expected = ((q @ k.transpose(-2, -1)) * 0.3 + bias).softmax(dim=-1) @ v

    assert_close(attempt.attention(q, k, v, bias, scale=0.3), expected)


def test_scores_in_the_thousands_do_not_overflow(attempt):
    q, k, v = make_qkv()
    expected = scaled_dot_product_attention(q * 50, k * 50, v)

    assert_close(attempt.attention(q * 50, k * 50, v), expected)


def test_what_is_hidden_stays_so_among_scores_far_below_zero(attempt):
    q, k, v = make_qkv()
    q[..., 0], k[..., 0] = 1.0, -1e5  # all scores lie near -1e5 / sqrt(8) = -35,355
    mask = random_mask(4, 6)
    mask[:, 0] = True
    expected = scaled_dot_product_attention(q, k, v, attn_mask=mask & last_aligned(4, 6))

    assert_close(attempt.attention(q, k, v, mask, causal=True), expected)


def test_what_is_hidden_stays_so_below_float16s_range(attempt):
    q, k, v = make_qkv(dtype=torch.float16)
    q[:], k[:] = 0, 0
    q[..., 0], k[..., 0] = 8.0, -4e4  # all scores are -320,000 / sqrt(8) = -113,137
    mask = last_aligned(4, 6)
    expected = (mask / mask.sum(-1, keepdim=True)).double() @ v.double()

    for visible in ({"causal": True}, {"mask": mask}):
        out = attempt.attention(q, k, v, **visible)
        assert_close(out, expected.half(), rtol=0.02, atol=0.02, why="scores near -1e5, in float32")


def test_a_far_negative_number_in_a_float_mask_hides_no_key(attempt):
    q, k, v = make_qkv(T_q=5, T_k=5)
    bias = torch.full((5, 5), -INF, dtype=torch.float64)
    bias[:, 0] = -1e30  # the only key that is seen, in all rows
    bias[:, 4] = 0.0  # hidden from all rows but the last by causal
    expected = v[:, :, [0, 0, 0, 0, 4]]

    assert_close(attempt.attention(q, k, v, bias, causal=True), expected)


def test_gradients_match_torch(attempt):
    q, k, v = make_qkv()

    assert_same_gradients(
        attempt.attention, scaled_dot_product_attention, q, k, v, names=("q", "k", "v")
    )


def test_gradients_of_a_causal_float_mask_match_the_reference(attempt, reference):
    q, k, v = make_qkv()
    bias = torch.randn(3, 4, 6, dtype=torch.float64)

    assert_same_gradients(
        attempt.attention,
        reference.attention,
        *(q, k, v, bias),
        names=("q", "k", "v", "mask"),
        causal=True,
        scale=0.5,
    )


@pytest.mark.parametrize("kind", ["boolean", "float"])
def test_gradients_match_torch_where_a_query_sees_no_key(attempt, kind):
    q, k, v = make_qkv()

    assert_same_gradients(
        attempt.attention,
        scaled_dot_product_attention,
        *(q, k, v, blind_mask(kind)),
        names=("q", "k", "v", "mask"),
    )


def test_returns_the_dtype_of_q(attempt):
    mask = torch.zeros(4, 6, dtype=torch.float64)

    assert_keeps_dtype(attempt.attention, *make_qkv(), mask)


@pytest.mark.parametrize("scale", [None, 0.11])
def test_bfloat16_is_computed_in_float32(attempt, scale):
    q, k, v = make_qkv(T_q=16, T_k=16, D=64, D_v=64, dtype=torch.bfloat16)
    q = q * 8  # scores of about 8, where bfloat16 is spaced 1/16 apart
    exact = scaled_dot_product_attention(q.double(), k.double(), v.double(), scale=scale)

    assert_close(attempt.attention(q, k, v, scale=scale), exact.bfloat16())


def test_float16_dot_products_may_exceed_65504(attempt):
    q, k, v = make_qkv(D=64, dtype=torch.float16)
    q, k = q.sign() * 100, k * 100  # dot products of about 80,000, beyond float16
    exact = scaled_dot_product_attention(q.double(), k.double(), v.double(), scale=1e-4)

    assert_close(attempt.attention(q, k, v, scale=1e-4), exact.half())


def test_the_causal_mask_is_made_on_the_device_of_q(attempt):
    assert_follows_device(attempt.attention, *make_qkv(), causal=True)


def bench(attempt, size, device):
    """Size is the length of a prompt: 2 sequences, 8 heads of 64, causal, in float32."""
    q, k, v = (x.to(device) for x in make_qkv(2, 8, size, size, 64, 64, torch.float32))
    return lambda: attempt.attention(q, k, v, causal=True)


bench.sizes = (32, 128, 512)
