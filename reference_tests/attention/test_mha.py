"""Values are compared in float64, where only logic, not rounding, can differ."""

import math

import pytest
import torch
from torch.nn import functional as F

from grader.testing import assert_close, assert_equal, assert_follows_device, assert_same_gradients

FLOAT32_SOFTMAX = {"rtol": 1e-4, "atol": 1e-4, "why": "the softmax may be computed in float32"}
PROJECTIONS = ("q_proj", "k_proj", "v_proj", "o_proj")
SIZES = [
    pytest.param((2, 5, 12, 3), id="three-heads"),
    pytest.param((2, 4, 8, 1), id="one-head"),
    pytest.param((3, 4, 16, 4), id="all-four"),
    pytest.param((1, 7, 6, 6), id="one-channel-a-head"),
    pytest.param((2, 1, 12, 2), id="one-token"),
]


def make_weights(d_model=12, bias=True):
    weights = {}
    for name in PROJECTIONS:
        weight = torch.randn(d_model, d_model, dtype=torch.float64)
        weights[f"{name}.weight"] = weight * 1.5 / math.sqrt(d_model)
        if bias:
            weights[f"{name}.bias"] = torch.randn(d_model, dtype=torch.float64)
    return weights


def make_x(B=2, T=5, d_model=12):
    # a view that is not contiguous
    return torch.randn(T, B, d_model, dtype=torch.float64).transpose(0, 1)


def build(source, weights, n_heads=3, **options):
    d_model = len(weights["q_proj.weight"])
    module = source.MultiHeadAttention(d_model, n_heads, **options).double()
    shapes = {name: tuple(parameter.shape) for name, parameter in module.named_parameters()}
    wanted = {name: tuple(weight.shape) for name, weight in weights.items()}
    assert_equal(shapes, wanted, label="the parameters")
    # not strict: a module may hold constants in buffers
    module.load_state_dict(weights, strict=False)
    return module


def by_torch(weights, x, n_heads=3, *, causal=True):
    """Each head on its slice of channels, by torch's attention."""

    def linear(name, x):
        return F.linear(x, weights[f"{name}.weight"], weights.get(f"{name}.bias"))

    q, k, v = (linear(name, x).chunk(n_heads, dim=-1) for name in PROJECTIONS[:3])
    heads = [
        F.scaled_dot_product_attention(*(part[:, None] for part in parts), is_causal=causal)[:, 0]
        for parts in zip(q, k, v, strict=True)
    ]
    return linear("o_proj", torch.cat(heads, dim=-1))


@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no-bias"])
def test_has_the_parameters_of_the_spec(attempt, bias):
    build(attempt, make_weights(bias=bias), bias=bias)


def test_has_biases_unless_told_otherwise(attempt):
    build(attempt, make_weights())


@pytest.mark.parametrize("sizes", SIZES)
def test_matches_torch(attempt, sizes):
    B, T, d_model, n_heads = sizes
    weights, x = make_weights(d_model), make_x(B, T, d_model)
    expected = by_torch(weights, x, n_heads)

    assert_close(build(attempt, weights, n_heads)(x), expected, **FLOAT32_SOFTMAX)


def test_matches_torch_without_bias(attempt):
    weights, x = make_weights(bias=False), make_x()
    expected = by_torch(weights, x)

    assert_close(build(attempt, weights, bias=False)(x), expected, **FLOAT32_SOFTMAX)


@pytest.mark.parametrize("sizes", SIZES)
def test_without_causal_every_token_sees_all(attempt, sizes):
    B, T, d_model, n_heads = sizes
    weights, x = make_weights(d_model), make_x(B, T, d_model)
    expected = by_torch(weights, x, n_heads, causal=False)

    assert_close(build(attempt, weights, n_heads)(x, causal=False), expected, **FLOAT32_SOFTMAX)


def identity_output(weights):
    eye = torch.eye(len(weights["o_proj.weight"]), dtype=torch.float64)
    zeros = torch.zeros(len(eye), dtype=torch.float64)
    return weights | {"o_proj.weight": eye, "o_proj.bias": zeros}


def test_head_h_owns_a_block_of_channels(attempt):
    # heads 0 and 2 have no queries: they average all values, channel by channel
    weights, x = identity_output(make_weights()), make_x()
    for part in ("q_proj.weight", "q_proj.bias"):
        weights[part][:4] = 0
        weights[part][8:] = 0
    values = F.linear(x, weights["v_proj.weight"], weights["v_proj.bias"])
    expected = values.mean(dim=1, keepdim=True).expand_as(values)

    out = build(attempt, weights)(x, causal=False)

    assert_close(out[..., :4], expected[..., :4], label="head 0", **FLOAT32_SOFTMAX)
    assert_close(out[..., 8:], expected[..., 8:], label="head 2", **FLOAT32_SOFTMAX)


def test_the_first_token_reads_only_itself(attempt):
    weights, x = identity_output(make_weights()), make_x()
    expected = F.linear(x[:, 0], weights["v_proj.weight"], weights["v_proj.bias"])

    assert_close(build(attempt, weights)(x)[:, 0], expected, label="token 0", **FLOAT32_SOFTMAX)


def test_no_token_sees_a_later_one(attempt):
    weights, x = make_weights(), make_x()
    module = build(attempt, weights)
    changed = x.clone()
    changed[:, 3:] = torch.randn(2, 2, 12, dtype=torch.float64)
    expected = by_torch(weights, x)[:, :3]

    assert_close(module(changed)[:, :3], expected, label="tokens 0 to 2", **FLOAT32_SOFTMAX)


@pytest.mark.parametrize("causal", [True, False], ids=["causal", "full"])
def test_gradients_match_the_reference(attempt, reference, causal):
    weights, x = make_weights(), make_x()
    expected = build(reference, weights)

    assert_same_gradients(
        build(attempt, weights), expected, x, names=("x",), causal=causal, **FLOAT32_SOFTMAX
    )


def test_scores_in_the_thousands_do_not_overflow(attempt):
    weights, x = make_weights(), make_x()
    for name in ("q_proj.weight", "k_proj.weight"):
        weights[name] = weights[name] * 40
    expected = by_torch(weights, x)

    out = build(attempt, weights)(x)

    assert_close(out, expected, rtol=1e-2, atol=1e-2, why="scores in the thousands, in float32")


def test_what_is_hidden_stays_so_among_scores_far_below_zero(attempt):
    weights, x = make_weights(), make_x()
    # each head's channel 0 is 1 in queries and -3e4 in keys: scores near -3e4 / sqrt(4) = -15,000
    for name, value in (("q_proj", 1.0), ("k_proj", -3e4)):
        weights[f"{name}.weight"][::4] = 0.0
        weights[f"{name}.bias"][::4] = value
    expected = by_torch(weights, x)

    out = build(attempt, weights)(x)

    assert_close(out, expected, rtol=1e-2, atol=1e-2, why="scores near -15,000, in float32")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32], ids=str)
def test_returns_the_dtype_of_x(attempt, dtype):
    module = build(attempt, make_weights()).to(dtype)

    assert module(make_x().to(dtype)).dtype == dtype


def test_a_bfloat16_softmax_adds_up_in_float32(attempt):
    # 1,500 equal scores: a sum in bfloat16 stops growing at 256
    weights, x = identity_output(make_weights(4)), torch.randn(1, 1500, 4, dtype=torch.float64)
    weights = {name: weight.bfloat16().double() for name, weight in weights.items()}
    weights["q_proj.weight"].zero_()
    weights["q_proj.bias"].zero_()
    weights["v_proj.bias"] += 8
    x = x.bfloat16()
    expected = by_torch(weights, x.double(), 2, causal=False).bfloat16()

    out = build(attempt, weights, 2).bfloat16()(x, causal=False)

    assert_close(out, expected, rtol=0.02, atol=0.02, why="weights and values in bfloat16")


def test_a_second_call_gives_the_same(attempt):
    weights, x = make_weights(), make_x()
    expected = by_torch(weights, x)
    module = build(attempt, weights)
    for T in (3, 8):
        module(make_x(T=T))
    module(make_x(), causal=False)

    assert_close(module(x), expected, **FLOAT32_SOFTMAX)


def test_the_mask_is_made_on_the_device_of_x(attempt):
    assert_follows_device(build(attempt, make_weights()), make_x())


@pytest.mark.parametrize("d_model, n_heads", [(12, 5), (4, 8)], ids=["12-by-5", "4-by-8"])
def test_rejects_heads_that_do_not_divide(attempt, d_model, n_heads):
    with pytest.raises(ValueError):
        attempt.MultiHeadAttention(d_model, n_heads)


def bench(attempt, size, device):
    """Size is the length: 2 sequences of width 256, 8 heads, in float32."""
    module = build(attempt, make_weights(256), 8).float().to(device).requires_grad_(False)
    x = make_x(2, size, 256).float().to(device)
    return lambda: module(x)


bench.sizes = (32, 128, 512)
