"""Values are compared in float64, within what an attempt may compute in float32."""

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from grader.testing import (
    assert_batch_rows_independent,
    assert_close,
    assert_equal,
    assert_follows_device,
    assert_same_gradients,
    complex_rope,
)

FLOAT32_ANGLES = {"rtol": 1e-4, "atol": 1e-4, "why": "RoPE's angles may be float32"}
SIZES = [
    pytest.param((12, 2, 3), id="two-sinks"),
    pytest.param((9, 4, 1), id="a-window-of-one"),
    pytest.param((9, 0, 4), id="no-sinks"),
    pytest.param((6, 3, 20), id="never-full"),
    pytest.param((7, 3, 4), id="just-full"),
    pytest.param((10, 1, 5), id="one-sink"),
]


def make_stream(T=12, B=2, H=3, D=8, D_v=5, dtype=torch.float64):
    # as heads are split off in practice: views that are not contiguous
    return [torch.randn(B, T, H, d, dtype=dtype).transpose(1, 2) for d in (D, D, D_v)]


def kept(t, n_sink, window):
    """The tokens of the stream that token t sees, in order."""
    return [j for j in range(t + 1) if j < n_sink or j > t - window]


def rope(x, theta=10000.0):
    """(B, H, n, D), the i-th token at position i."""
    return complex_rope(x, torch.arange(x.shape[2]), theta)


def expect(q, k, v, n_sink, window, theta=10000.0):
    """Each token by itself: torch's attention over the tokens that it sees."""
    outs = []
    for t in range(q.shape[2]):
        seen = kept(t, n_sink, window)
        # whatever stands before the query, it is turned by its own slot
        query = rope(q[:, :, t : t + 1].expand(-1, -1, len(seen), -1), theta)[:, :, -1:]
        keys = rope(k[:, :, seen], theta)
        outs.append(scaled_dot_product_attention(query, keys, v[:, :, seen]))
    return torch.cat(outs, dim=2)


def run(attempt, q, k, v, cache=None, **options):
    outs = []
    for t in range(q.shape[2]):
        out, cache = attempt.streaming_step(q[:, :, t], k[:, :, t], v[:, :, t], cache, **options)
        outs.append(out)
    return torch.stack(outs, dim=2), cache


@pytest.mark.parametrize("sizes", SIZES)
def test_matches_attention_over_the_kept_tokens(attempt, sizes):
    T, n_sink, window = sizes
    qkv = make_stream(T)
    expected = expect(*qkv, n_sink, window)

    out, _ = run(attempt, *qkv, n_sink=n_sink, window=window)

    assert_close(out, expected, **FLOAT32_ANGLES)


@pytest.mark.parametrize("sizes", SIZES)
def test_the_cache_holds_sinks_and_the_latest_tokens(attempt, sizes):
    T, n_sink, window = sizes
    q, k, v = make_stream(T)
    seen = kept(T - 1, n_sink, window)
    expected = k[:, :, seen], v[:, :, seen]

    _, cache = run(attempt, q, k, v, n_sink=n_sink, window=window)

    assert len(cache) == 2
    assert_close(cache[1], expected[1], label="the cached values")
    assert_close(cache[0], expected[0], label="the cached keys")


def test_keys_are_cached_before_rope(attempt):
    q, k, v = make_stream(T=3)

    _, cache = run(attempt, q, k, v, n_sink=2, window=3)

    assert_equal(cache[0], k, label="the cached keys")


def test_sinks_are_never_dropped(attempt):
    q, k, v = make_stream(T=20)
    expected = v[:, :, :2]

    _, cache = run(attempt, q, k, v, n_sink=2, window=3)

    assert_equal(cache[1][:, :, :2], expected, label="the values of the sinks")


def test_the_cache_never_grows_beyond_its_size(attempt):
    q, k, v = make_stream(T=15)
    cache, sizes = None, []

    for t in range(15):
        _, cache = attempt.streaming_step(
            q[:, :, t], k[:, :, t], v[:, :, t], cache, n_sink=2, window=4
        )
        sizes.append(cache[0].shape[2])

    assert_equal(sizes, [1, 2, 3, 4, 5] + [6] * 10, label="tokens in the cache, step by step")


@pytest.mark.parametrize("theta", [5.0, 500000.0])
def test_theta_sets_the_frequencies(attempt, theta):
    q, k, v = make_stream()
    q = q * 3
    expected = expect(q, k, v, 2, 6, theta)

    out, _ = run(attempt, q, k, v, n_sink=2, window=6, theta=theta)

    assert_close(out, expected, **FLOAT32_ANGLES)


def test_theta_is_10000_if_none_is_given(attempt):
    # the slow pair alone, over 600 tokens: a theta of 10001 turns it by up to 3e-4 less
    q, keys, values = make_stream(T=601, B=4, H=6, D=4)
    slow = torch.tensor([0.0, 4.0, 0.0, 4.0])
    q, keys = q * slow, keys * slow
    expected = scaled_dot_product_attention(rope(q)[:, :, -1:], rope(keys), values)[:, :, 0]
    q, k, v = (x[:, :, -1] for x in (q, keys, values))
    cache = keys[:, :, :-1], values[:, :, :-1]

    out, _ = attempt.streaming_step(q, k, v, cache, n_sink=4, window=700)

    assert_close(out, expected, rtol=1e-4, atol=1e-4, why="angles may be float32")


def test_one_cache_serves_two_continuations(attempt):
    q, k, v = make_stream(T=10)
    other = [torch.cat([x[:, :, :8], torch.randn_like(x[:, :, 8:])], dim=2) for x in (q, k, v)]
    expected = [expect(*qkv, 2, 3)[:, :, 8:] for qkv in ((q, k, v), other)]

    _, cache = run(attempt, *(x[:, :, :8] for x in (q, k, v)), n_sink=2, window=3)
    outs = [
        run(attempt, *(x[:, :, 8:] for x in qkv), cache, n_sink=2, window=3)[0]
        for qkv in ((q, k, v), other)
    ]

    assert_close(outs, expected, **FLOAT32_ANGLES)


def test_a_stream_starts_afresh_without_a_cache(attempt):
    qkv = make_stream()
    expected = expect(*qkv, 2, 3)
    run(attempt, *make_stream(), n_sink=2, window=3)

    out, _ = run(attempt, *qkv, n_sink=2, window=3)

    assert_close(out, expected, **FLOAT32_ANGLES)


@pytest.mark.parametrize("sizes", [(6, 1, 2), (5, 2, 8)], ids=["full", "never-full"])
def test_gradients_flow_through_the_cache(attempt, sizes):
    T, n_sink, window = sizes
    qkv = make_stream(T)

    assert_same_gradients(
        lambda *qkv: run(attempt, *qkv, n_sink=n_sink, window=window)[0],
        lambda *qkv: expect(*qkv, n_sink, window),
        *qkv,
        names=("q", "k", "v"),
        **FLOAT32_ANGLES,
    )


def test_scores_in_the_thousands_do_not_overflow(attempt):
    q, k, v = make_stream(T=8)
    expected = expect(q * 60, k * 60, v, 2, 3)

    out, _ = run(attempt, q * 60, k * 60, v, n_sink=2, window=3)

    assert_close(
        out, expected, rtol=2e-2, atol=2e-2, why="scores in the thousands by float32 angles"
    )


@pytest.mark.parametrize(
    "dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str
)
def test_output_and_cache_have_the_dtype_of_q(attempt, dtype):
    qkv = make_stream(T=7, dtype=dtype)

    out, (keys, values) = run(attempt, *qkv, n_sink=2, window=3)

    assert [out.dtype, keys.dtype, values.dtype] == [dtype] * 3


def test_bfloat16_is_computed_in_float32(attempt):
    keys, values = make_stream(T=301, D=16, dtype=torch.bfloat16)[1:]
    q, k, v = (x[:, :, 0] for x in make_stream(T=1, D=16, dtype=torch.bfloat16))
    q = q * 4
    query = rope(q.double()[:, :, None].expand(-1, -1, 302, -1))[:, :, -1:]
    turned = rope(torch.cat([keys, k[:, :, None]], dim=2).double())
    exact = scaled_dot_product_attention(
        query, turned, torch.cat([values, v[:, :, None]], dim=2).double()
    )[:, :, 0]

    out, _ = attempt.streaming_step(q, k, v, (keys, values), n_sink=4, window=400)

    assert_close(out, exact.bfloat16(), rtol=1.6e-2, atol=2e-3, why="angles may be float32")


def test_a_short_stream_is_rounded_once(attempt):
    q, keys, values = make_stream(B=4, H=8, D=24, D_v=32, dtype=torch.bfloat16)
    q = q * 4
    expected = expect(q.double(), keys.double(), values.double(), 4, 20)[:, :, 11]
    cache = keys[:, :, :11], values[:, :, :11]

    out, _ = attempt.streaming_step(
        q[:, :, 11], keys[:, :, 11], values[:, :, 11], cache, n_sink=4, window=20
    )

    # one rounding errs by half a step between neighbours, 1/256
    assert_close(out.double(), expected, rtol=5e-3, atol=1e-4, why="one rounding to bfloat16")


def test_float64_is_computed_in_float64(attempt):
    # keys of zeros are zeros at any angle: the output is the mean of the values
    q, k, v = make_stream(T=9)
    k = torch.zeros_like(k)
    expected = v.mean(dim=2)

    out, _ = attempt.streaming_step(
        q[:, :, 8], k[:, :, 8], v[:, :, 8], (k[:, :, :8], v[:, :, :8]), n_sink=2, window=9
    )

    assert_close(out, expected, rtol=1e-12, atol=1e-12, why="no angle enters")


def test_sequences_of_a_batch_do_not_mix(attempt):
    q, k, v = make_stream(T=9, B=3)
    cache = k[:, :, :8], v[:, :, :8]

    def last(q, k, v, keys, values):
        return attempt.streaming_step(q, k, v, (keys, values), n_sink=2, window=6)

    assert_batch_rows_independent(
        last, q[:, :, 8], k[:, :, 8], v[:, :, 8], *cache, **FLOAT32_ANGLES
    )


def test_all_is_made_on_the_device_of_q(attempt):
    q, k, v = make_stream(T=9)

    assert_follows_device(
        attempt.streaming_step,
        *(q[:, :, 8], k[:, :, 8], v[:, :, 8], (k[:, :, :8], v[:, :, :8])),
        n_sink=2,
        window=6,
    )


@pytest.mark.parametrize(
    "n_sink, window",
    [(-1, 4), (2, 0), (2, -3)],
    ids=["sinks-below-0", "window-0", "window-below-0"],
)
def test_rejects_sizes_out_of_range(attempt, n_sink, window):
    q, k, v = (x[:, :, 0] for x in make_stream(T=1))

    with pytest.raises(ValueError):
        attempt.streaming_step(q, k, v, n_sink=n_sink, window=window)


def bench(attempt, size, device):
    """Size is the window: a step with a full cache, 2 sequences, 8 heads of 64, in float32."""
    stream = [x.to(device) for x in make_stream(size + 5, 2, 8, 64, 64, torch.float32)]
    q, k, v = (x[:, :, -1] for x in stream)
    cache = stream[1][:, :, :-1], stream[2][:, :, :-1]
    return lambda: attempt.streaming_step(q, k, v, cache, n_sink=4, window=size)


bench.sizes = (64, 256, 1024)
