"""Values are compared in float64, where only logic, not rounding, can differ."""

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from grader.testing import (
    assert_chunks_agree,
    assert_close,
    assert_follows_device,
    assert_keeps_dtype,
    assert_same_gradients,
)


def make_qkv(H=6, G=2, T_q=5, T_k=5, D=8, dtype=torch.float64):
    # as heads are split off in practice: views that are not contiguous
    shapes = (2, T_q, H, D), (2, T_k, G, D), (2, T_k, G, D)
    return [torch.randn(shape, dtype=dtype).transpose(1, 2) for shape in shapes]


def torch_gqa(q, k, v):
    return scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)


def test_matches_torch(attempt):
    q, k, v = make_qkv()
    expected = torch_gqa(q, k, v)

    assert_close(attempt.grouped_query_attention(q, k, v), expected)


@pytest.mark.parametrize(
    "H, G, T_q, T_k, causal",
    [
        pytest.param(4, 4, 5, 5, True, id="multi-head"),
        pytest.param(4, 1, 5, 5, True, id="multi-query"),
        pytest.param(6, 2, 3, 7, True, id="chunked-prefill"),
        pytest.param(6, 2, 7, 3, False, id="cross-attention"),
    ],
)
def test_matches_reference(attempt, reference, H, G, T_q, T_k, causal):
    qkv = make_qkv(H, G, T_q, T_k)
    expected = reference.grouped_query_attention(*qkv, causal=causal)

    assert_close(attempt.grouped_query_attention(*qkv, causal=causal), expected)


def test_neighbouring_query_heads_share_a_kv_head(attempt):
    q, k, v = make_qkv(H=6, G=2)
    v[:] = torch.tensor([0.0, 1.0])[:, None, None]  # KV head g holds only the value g

    read = attempt.grouped_query_attention(q, k, v)[0, :, 0, 0]

    expected = torch.tensor([0, 0, 0, 1, 1, 1], dtype=torch.float64)
    assert_close(read, expected, label="what the six heads read")


def test_one_new_token_sees_the_whole_cache(attempt):
    q, k, v = make_qkv(T_q=1, T_k=7)
    unmasked = scaled_dot_product_attention(q, k, v, enable_gqa=True)

    assert_close(attempt.grouped_query_attention(q, k, v, causal=True), unmasked)


def test_a_prompt_in_chunks_gives_what_it_gives_at_once(attempt):
    q, k, v = make_qkv(T_q=7, T_k=7)
    expected = torch_gqa(q, k, v)

    def in_chunks(size):
        ends = range(size, 7 + size, size)
        chunks = [(q[:, :, end - size : end], k[:, :, :end], v[:, :, :end]) for end in ends]
        return torch.cat([attempt.grouped_query_attention(*chunk) for chunk in chunks], dim=2)

    assert_chunks_agree(in_chunks, (1, 3, 7), expected=expected)


def test_without_causal_every_query_sees_every_key(attempt):
    q, k, v = make_qkv(T_q=4, T_k=6)
    expected = scaled_dot_product_attention(q, k, v, enable_gqa=True)

    assert_close(attempt.grouped_query_attention(q, k, v, causal=False), expected)


def test_gradients_match_torch(attempt):
    q, k, v = make_qkv()

    assert_same_gradients(
        attempt.grouped_query_attention, torch_gqa, q, k, v, names=("q", "k", "v")
    )


@pytest.mark.parametrize(
    "T_q, T_k, causal",
    [
        pytest.param(3, 7, True, id="chunked-prefill"),
        pytest.param(7, 3, False, id="cross-attention"),
    ],
)
def test_gradients_match_the_reference(attempt, reference, T_q, T_k, causal):
    qkv = make_qkv(T_q=T_q, T_k=T_k)

    assert_same_gradients(
        attempt.grouped_query_attention,
        reference.grouped_query_attention,
        *qkv,
        names=("q", "k", "v"),
        causal=causal,
    )


def test_scores_in_the_thousands_do_not_overflow(attempt):
    q, k, v = make_qkv()
    expected = torch_gqa(q * 50, k * 50, v)

    assert_close(attempt.grouped_query_attention(q * 50, k * 50, v), expected)


def test_what_is_hidden_stays_so_among_scores_far_below_zero(attempt):
    q, k, v = make_qkv()
    q[..., 0], k[..., 0] = 1.0, -1e5  # all scores lie near -1e5 / sqrt(8) = -35,355
    expected = torch_gqa(q, k, v)

    assert_close(attempt.grouped_query_attention(q, k, v), expected)


def test_what_is_hidden_stays_so_below_float16s_range(attempt):
    q, k, v = make_qkv(dtype=torch.float16)
    q[:], k[:] = 0, 0
    q[..., 0], k[..., 0] = 8.0, -4e4  # all scores are -320,000 / sqrt(8) = -113,137
    expected = torch_gqa(q.double(), k.double(), v.double()).half()

    out = attempt.grouped_query_attention(q, k, v)
    assert_close(out, expected, rtol=0.02, atol=0.02, why="scores near -1e5, in float32")


def test_returns_the_dtype_of_q(attempt):
    assert_keeps_dtype(attempt.grouped_query_attention, *make_qkv())


def test_bfloat16_is_computed_in_float32(attempt, reference):
    q, k, v = make_qkv(D=58, dtype=torch.bfloat16)
    # scores of about 8, where bfloat16 is spaced 1/16 apart; 1/sqrt(58) is no number of its own
    q = q * 8
    exact = reference.grouped_query_attention(q.double(), k.double(), v.double())

    assert_close(attempt.grouped_query_attention(q, k, v), exact.bfloat16())


def test_the_mask_is_made_on_the_device_of_q(attempt):
    assert_follows_device(attempt.grouped_query_attention, *make_qkv())


@pytest.mark.parametrize(
    "H, G", [(6, 4), (2, 4)], ids=["six-queries-four-kv", "two-queries-four-kv"]
)
def test_rejects_heads_that_do_not_divide(attempt, H, G):
    with pytest.raises(ValueError):
        attempt.grouped_query_attention(*make_qkv(H, G))


def bench(attempt, size, device):
    """Size is the length of a prompt: 2 sequences, 8 query and 2 KV heads of 64, in float32."""
    q, k, v = (x.to(device) for x in make_qkv(8, 2, size, size, 64, torch.float32))
    return lambda: attempt.grouped_query_attention(q, k, v)


bench.sizes = (32, 128, 512)
