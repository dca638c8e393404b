"""Values are compared in float64, within what an attempt may compute in float32."""

import math

import pytest
import torch

from grader.testing import (
    assert_batch_rows_independent,
    assert_close,
    assert_follows_device,
    assert_keeps_dtype,
    assert_same_gradients,
    complex_rope,
    flops,
    largest_intermediate,
)

FLOAT32_ANGLES = {"rtol": 1e-4, "atol": 1e-4, "why": "RoPE's angles may be float32"}
NAMES = ("q", "latent", "k_rope", "w_kv_b", "w_o")
# B, T, S, H, R, d_nope, d_rope, d_v, d_model
DEFAULT = (2, 1, 9, 3, 8, 6, 4, 5, 14)
SIZES = [
    pytest.param(DEFAULT, id="one-new-token"),
    pytest.param((2, 4, 9, 3, 8, 6, 4, 5, 14), id="four-new-tokens"),
    pytest.param((3, 5, 5, 2, 6, 3, 6, 7, 10), id="a-prompt"),
    pytest.param((2, 3, 7, 1, 30, 4, 8, 4, 6), id="one-head"),
    pytest.param((1, 1, 1, 4, 8, 8, 2, 8, 32), id="first-token"),
    pytest.param((2, 6, 6, 6, 6, 6, 6, 6, 6), id="all-alike"),
]


def make_inputs(B=2, T=1, S=9, H=3, R=8, d_nope=6, d_rope=4, d_v=5, d_model=14):
    # views that are not contiguous
    q = torch.randn(B, H, T, d_nope + d_rope, dtype=torch.float64).transpose(1, 2)
    both = torch.randn(S, B, R + d_rope, dtype=torch.float64).transpose(0, 1)
    w_kv_b = torch.randn(H * (d_nope + d_v), R, dtype=torch.float64) * 1.5 / math.sqrt(R)
    w_o = torch.randn(d_model, H * d_v, dtype=torch.float64) / math.sqrt(H * d_v)
    return q, both[..., :R], both[..., R:], w_kv_b, w_o


def expanded(q, latent, k_rope, w_kv_b, w_o, *, theta=10000.0):
    """By its definition: a key and a value for each cached token and head, in float64."""
    T, H = q.shape[1:3]
    S, d_rope = k_rope.shape[1:]
    d_nope = q.shape[3] - d_rope
    positions = torch.arange(S - T, S)[:, None]
    turned = complex_rope(q[..., d_nope:], positions, theta, neighbours=True)
    q = torch.cat([q[..., :d_nope], turned], dim=-1)
    heads = []
    for h, rows in enumerate(w_kv_b.chunk(H)):
        kv = latent @ rows.T
        k = torch.cat([kv[..., :d_nope], k_rope], dim=-1)
        scores = q[:, :, h] @ k.mT / math.sqrt(q.shape[3])
        seen = torch.tensor([[j <= S - T + i for j in range(S)] for i in range(T)])
        weights = scores.masked_fill(~seen, -torch.inf).softmax(dim=-1)
        heads.append(weights @ kv[..., d_nope:])
    return torch.cat(heads, dim=-1) @ w_o.T


@pytest.mark.parametrize("sizes", SIZES)
def test_matches_expanded_keys_and_values(attempt, sizes):
    inputs = make_inputs(*sizes)
    expected = expanded(*inputs)

    assert_close(attempt.absorbed_mla(*inputs), expected, **FLOAT32_ANGLES)


@pytest.mark.parametrize("theta", [20.0, 500000.0])
def test_theta_sets_the_frequencies(attempt, theta):
    inputs = make_inputs(T=2, S=40)
    expected = expanded(*inputs, theta=theta)

    assert_close(attempt.absorbed_mla(*inputs, theta=theta), expected, **FLOAT32_ANGLES)


def test_theta_is_10000_if_none_is_given(attempt):
    # far enough for the angle of the second pair to tell 10000 from 10001
    inputs = make_inputs(S=600)
    inputs[0].mul_(3)
    expected = expanded(*inputs)

    assert_close(attempt.absorbed_mla(*inputs), expected, **FLOAT32_ANGLES)


@pytest.mark.parametrize("T, S", [(1, 12), (3, 12)], ids=["one-of-12", "three-of-12"])
def test_new_tokens_have_the_last_positions(attempt, T, S):
    q, latent, k_rope, w_kv_b, w_o = make_inputs(T=T, S=S, d_rope=8)
    q = q * 3
    q[..., :6] = 0  # only position counts
    expected = expanded(q, latent, k_rope, w_kv_b, w_o, theta=20.0)

    out = attempt.absorbed_mla(q, latent, k_rope, w_kv_b, w_o, theta=20.0)

    assert_close(out, expected, **FLOAT32_ANGLES)


def test_several_new_tokens_are_causal_among_themselves(attempt):
    q, latent, k_rope, w_kv_b, w_o = make_inputs(T=4, S=9)
    expected = expanded(q, latent, k_rope, w_kv_b, w_o)[:, :2]
    latent, k_rope = latent.clone(), k_rope.clone()
    latent[:, 7:], k_rope[:, 7:] = 9.0, 9.0

    out = attempt.absorbed_mla(q, latent, k_rope, w_kv_b, w_o)

    assert_close(out[:, :2], expected, label="the first two of four tokens", **FLOAT32_ANGLES)


def test_tokens_one_by_one_give_what_they_give_together(attempt):
    q, latent, k_rope, *weights = make_inputs(T=4, S=9)
    expected = expanded(q, latent, k_rope, *weights)

    outs = [
        attempt.absorbed_mla(q[:, i : i + 1], latent[:, : 6 + i], k_rope[:, : 6 + i], *weights)
        for i in range(4)
    ]

    assert_close(torch.cat(outs, dim=1), expected, **FLOAT32_ANGLES)


def test_a_case_worked_out_by_hand(attempt):
    # head 0 reads latent channel 0 as key and 1 as value, head 1 the other way round;
    # scores of head 0 are 0 and 2 ln 3 / sqrt(4), of head 1 the reverse
    double = {"dtype": torch.float64}
    q = torch.zeros(1, 1, 2, 4, **double)
    q[..., 0] = 2.0
    log3 = torch.tensor(3.0, **double).log().item()
    latent = torch.tensor([[[0.0, log3], [log3, 0.0]]], **double)
    k_rope = torch.ones(1, 2, 2, **double)
    # the second channel of q_nope is zero, so its rows do not count
    w_kv_b = torch.tensor(
        [[1.0, 0.0], [7.0, 7.0], [0.0, 8.0], [0.0, 1.0], [7.0, 7.0], [8.0, 0.0]], **double
    )
    w_o = torch.tensor([[1.0, 0.0], [0.0, 5.0]], **double)
    # head 0: 1/4 * 8 ln 3 of token 0, head 1: 1/4 * 8 ln 3 of token 1
    expected = torch.tensor([[[2 * log3, 10 * log3]]], **double)

    out = attempt.absorbed_mla(q, latent, k_rope, w_kv_b, w_o)

    assert_close(out, expected, **FLOAT32_ANGLES)


@pytest.mark.parametrize("T", [1, 2])
def test_nothing_is_expanded_per_head(attempt, T):
    B, S, H, R, d_nope, d_rope, d_v, d_model = 2, 64, 8, 16, 8, 4, 8, 6
    inputs = make_inputs(B, T, S, H, R, d_nope, d_rope, d_v, d_model)
    # the cache is 2,560; expanded keys would be 8,192, a copy of the cache for each token 5,120
    limit = max(
        inputs[3].numel(), inputs[4].numel(), B * H * T * S, B * S * (R + d_rope),
        B * T * H * d_v, B * T * d_model,
        B * (T + d_model) * H * R,
    )  # fmt: skip

    assert largest_intermediate(attempt.absorbed_mla, *inputs) <= limit


def test_work_per_cached_token_is_that_of_the_latent(attempt):
    short, long = (make_inputs(1, 1, S, 4, 16, 16, 4, 16, 8) for S in (64, 192))
    # score and read of 128 more tokens by 4 heads; expansion alone would be 16 times that
    more = 128 * 4 * (16 + 4 + 16) * 2

    work = [flops(attempt.absorbed_mla, *inputs) for inputs in (short, long)]

    assert work[1] - work[0] <= 2 * more


@pytest.mark.parametrize("T, S", [(1, 7), (3, 7), (5, 5)], ids=["decode", "chunk", "prompt"])
def test_gradients_match_expanded_keys_and_values(attempt, T, S):
    inputs = make_inputs(T=T, S=S)

    assert_same_gradients(
        lambda *inputs: attempt.absorbed_mla(*inputs, theta=20.0),
        lambda *inputs: expanded(*inputs, theta=20.0),
        *inputs,
        names=NAMES,
        **FLOAT32_ANGLES,
    )


def test_scores_in_the_thousands_do_not_overflow(attempt):
    q, *rest = make_inputs(T=3)
    q = q.clone()
    q[..., :6] *= 2000
    expected = expanded(q, *rest)

    assert_close(attempt.absorbed_mla(q, *rest), expected, **FLOAT32_ANGLES)


def test_what_is_hidden_stays_so_among_scores_far_below_zero(attempt):
    q, latent, k_rope, w_kv_b, w_o = make_inputs(T=3)
    # each head's channel 0 is 1 in queries and -1e5 in keys: scores near -1e5 / sqrt(10) = -31,623
    q[..., 0], latent[..., 0] = 1.0, 1.0
    w_kv_b[::11] = 0.0
    w_kv_b[::11, 0] = -1e5
    expected = expanded(q, latent, k_rope, w_kv_b, w_o)

    out = attempt.absorbed_mla(q, latent, k_rope, w_kv_b, w_o)

    assert_close(out, expected, **FLOAT32_ANGLES)


def test_what_is_hidden_stays_so_below_float16s_range(attempt):
    q, latent, k_rope, w_kv_b, w_o = (x.half() for x in make_inputs(T=3))
    q[:], k_rope[:], latent[..., 0], w_kv_b[::11] = 0.0, 0.0, 1.0, 0.0
    q[..., 0], w_kv_b[::11, 0] = 8.0, -4e4  # all scores are -320,000 / sqrt(10) = -101,193
    inputs = q, latent, k_rope, w_kv_b, w_o
    expected = expanded(*(x.double() for x in inputs)).half()

    out = attempt.absorbed_mla(*inputs)

    assert_close(out, expected, rtol=0.02, atol=0.02, why="scores near -1e5, in float32")


def test_returns_the_dtype_of_q(attempt):
    assert_keeps_dtype(attempt.absorbed_mla, *make_inputs(T=2))


def test_float64_is_computed_in_float64(attempt):
    q, latent, k_rope, w_kv_b, w_o = make_inputs(T=3)
    # no score depends on the angles
    k_rope = torch.zeros_like(k_rope)
    expected = expanded(q, latent, k_rope, w_kv_b, w_o)

    assert_close(attempt.absorbed_mla(q, latent, k_rope, w_kv_b, w_o), expected)


def test_bfloat16_is_computed_in_float32(attempt):
    inputs = [x.bfloat16() for x in make_inputs(2, 2, 301, 4, 32, 16, 8, 16, 24)]
    inputs[0] = inputs[0] * 3
    expected = expanded(*(x.double() for x in inputs)).bfloat16()

    assert_close(
        attempt.absorbed_mla(*inputs),
        expected,
        rtol=1.6e-2,
        atol=1e-3,
        why="float32 sums and angles",
    )


def test_sequences_of_a_batch_do_not_mix(attempt):
    inputs = make_inputs(B=3, T=2)

    assert_batch_rows_independent(
        attempt.absorbed_mla, *inputs, batched=(0, 1, 2), **FLOAT32_ANGLES
    )


def test_a_second_call_gives_the_same(attempt):
    inputs = make_inputs()
    expected = expanded(*inputs)
    attempt.absorbed_mla(*make_inputs(T=2))

    assert_close(attempt.absorbed_mla(*inputs), expected, **FLOAT32_ANGLES)


def test_all_is_made_on_the_device_of_q(attempt):
    assert_follows_device(attempt.absorbed_mla, *make_inputs(T=2))


def bench(attempt, size, device):
    """Size is the number of cached tokens: 2 sequences, 1 new token, 16 heads, a latent of 128."""
    inputs = make_inputs(2, 1, size, 16, 128, 64, 32, 64, 512)
    inputs = [x.float().to(device) for x in inputs]
    return lambda: attempt.absorbed_mla(*inputs)


bench.sizes = (64, 512, 4096)
