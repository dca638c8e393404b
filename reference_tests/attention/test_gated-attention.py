"""Values are compared in float64, where only logic, not rounding, can differ."""

import math

import pytest
import torch
from torch.nn import functional as F

from grader.testing import (
    assert_batch_rows_independent,
    assert_close,
    assert_equal,
    assert_follows_device,
    assert_same_gradients,
)

FLOAT32_SOFTMAX = {"rtol": 1e-4, "atol": 1e-4, "why": "the softmax may be computed in float32"}
DEFAULT = (12, 6, 2, 4)
SIZES = [
    pytest.param(DEFAULT, id="three-to-a-group"),
    pytest.param((8, 4, 4, 2), id="multi-head"),
    pytest.param((10, 4, 1, 6), id="multi-query"),
    pytest.param((7, 1, 1, 5), id="one-head"),
    pytest.param((16, 4, 2, 1), id="one-channel-a-head"),
]


def make_weights(d_model=12, n_heads=6, n_kv_heads=2, head_dim=4):
    shapes = {
        "q_proj": (n_heads * 2 * head_dim, d_model),
        "k_proj": (n_kv_heads * head_dim, d_model),
        "v_proj": (n_kv_heads * head_dim, d_model),
        "o_proj": (d_model, n_heads * head_dim),
    }
    return {
        f"{name}.weight": torch.randn(shape, dtype=torch.float64) * 1.5 / math.sqrt(shape[1])
        for name, shape in shapes.items()
    }


def make_x(B=2, T=5, d_model=12):
    # a view that is not contiguous
    return torch.randn(T, B, d_model, dtype=torch.float64).transpose(0, 1)


def build(source, weights, sizes=DEFAULT):
    module = source.GatedAttention(*sizes).double()
    shapes = {name: tuple(parameter.shape) for name, parameter in module.named_parameters()}
    wanted = {name: tuple(weight.shape) for name, weight in weights.items()}
    assert_equal(shapes, wanted, label="the parameters")
    # not strict: a module may hold constants in buffers
    module.load_state_dict(weights, strict=False)
    return module


def by_torch(weights, x, sizes=DEFAULT):
    """Head by head, each with its own slices of channels, by torch's attention."""
    _, H, G, D = sizes
    q_and_gate = F.linear(x, weights["q_proj.weight"]).split(D, dim=-1)
    k, v = (
        F.linear(x, weights[f"{name}.weight"]).split(D, dim=-1) for name in ("k_proj", "v_proj")
    )
    heads = []
    for h in range(H):
        g = h // (H // G)
        parts = q_and_gate[2 * h], k[g], v[g]
        read = F.scaled_dot_product_attention(*(part[:, None] for part in parts), is_causal=True)
        heads.append(read[:, 0] * torch.sigmoid(q_and_gate[2 * h + 1]))
    return F.linear(torch.cat(heads, dim=-1), weights["o_proj.weight"])


def gated_by_channel_0(weights, gates):
    """Channel 0 of x is read by the gates alone, times `gates` for each head, and they by it."""
    q_proj = weights["q_proj.weight"].clone().unflatten(0, (6, 2, 4))
    q_proj[:, 0, :, 0] = 0
    q_proj[:, 1] = 0
    q_proj[:, 1, :, 0] = torch.tensor(gates, dtype=torch.float64)[:, None]
    weights = weights | {"q_proj.weight": q_proj.flatten(0, 2)}
    for name in ("k_proj.weight", "v_proj.weight"):
        weights[name] = weights[name].clone()
        weights[name][:, 0] = 0
    return weights


@pytest.mark.parametrize("sizes", SIZES)
def test_has_the_parameters_of_the_spec(attempt, sizes):
    build(attempt, make_weights(*sizes), sizes)


@pytest.mark.parametrize("T", [5, 1, 4])
@pytest.mark.parametrize("sizes", SIZES)
def test_matches_torch(attempt, sizes, T):
    weights, x = make_weights(*sizes), make_x(T=T, d_model=sizes[0])
    expected = by_torch(weights, x, sizes)

    assert_close(build(attempt, weights, sizes)(x), expected, **FLOAT32_SOFTMAX)


def test_a_gate_of_zero_halves_the_output(attempt):
    # sigmoid(1000) is 1: such a gate is open
    weights, x = make_weights(), make_x().contiguous()
    x[..., 0] = 1000.0
    expected = by_torch(gated_by_channel_0(weights, [1.0] * 6), x) / 2
    weights = gated_by_channel_0(weights, [0.0] * 6)

    assert_close(build(attempt, weights)(x), expected, **FLOAT32_SOFTMAX)


def test_a_shut_gate_silences_its_head(attempt):
    weights, x = make_weights(), make_x().contiguous()
    x[..., 0] = 1000.0
    silenced = gated_by_channel_0(weights, [1.0] * 6)
    silenced["o_proj.weight"] = weights["o_proj.weight"].clone()
    silenced["o_proj.weight"][:, 8:12] = 0
    silenced["o_proj.weight"][:, 20:] = 0
    expected = by_torch(silenced, x)
    weights = gated_by_channel_0(weights, [1.0, 1.0, -1.0, 1.0, 1.0, -1.0])

    assert_close(build(attempt, weights)(x), expected, **FLOAT32_SOFTMAX)


def test_the_gate_is_that_of_the_reading_token(attempt):
    # token 0 opens its gates and token 1 shuts them: 0 reads itself, 1 says nothing
    weights, x = gated_by_channel_0(make_weights(), [1.0] * 6), make_x(T=2).contiguous()
    x[:, 0, 0], x[:, 1, 0] = 1000.0, -1000.0
    values = F.linear(x[:, 0], weights["v_proj.weight"]).unflatten(-1, (2, 4))
    out = F.linear(values.repeat_interleave(3, dim=1).flatten(1), weights["o_proj.weight"])
    expected = torch.stack([out, torch.zeros_like(out)], dim=1)

    assert_close(build(attempt, weights)(x), expected, **FLOAT32_SOFTMAX)


def test_no_token_sees_a_later_one(attempt):
    weights, x = make_weights(), make_x()
    module = build(attempt, weights)
    changed = x.clone()
    changed[:, 3:] = torch.randn(2, 2, 12, dtype=torch.float64)
    expected = by_torch(weights, x)[:, :3]

    assert_close(module(changed)[:, :3], expected, label="tokens 0 to 2", **FLOAT32_SOFTMAX)


def test_sequences_of_a_batch_do_not_mix(attempt):
    assert_batch_rows_independent(build(attempt, make_weights()), make_x(B=3), **FLOAT32_SOFTMAX)


@pytest.mark.parametrize("sizes", [DEFAULT, (10, 4, 1, 6)], ids=["grouped", "multi-query"])
def test_gradients_match_the_reference(attempt, reference, sizes):
    weights, x = make_weights(*sizes), make_x(d_model=sizes[0])
    expected = build(reference, weights, sizes)

    assert_same_gradients(
        build(attempt, weights, sizes), expected, x, names=("x",), **FLOAT32_SOFTMAX
    )


def test_scores_in_the_thousands_do_not_overflow(attempt):
    weights, x = make_weights(), make_x()
    q_proj = weights["q_proj.weight"].unflatten(0, (6, 2, 4)).clone()
    q_proj[:, 0] *= 1500
    weights["q_proj.weight"] = q_proj.flatten(0, 2)
    expected = by_torch(weights, x)

    out = build(attempt, weights)(x)

    assert_close(out, expected, rtol=1e-2, atol=1e-2, why="scores in the thousands, in float32")


def test_what_is_hidden_stays_so_among_scores_far_below_zero(attempt):
    weights, x = make_weights(), make_x()
    # each head's channel 0 is 1 in queries and -3e4 in keys: scores near -3e4 / sqrt(4) = -15,000
    x[..., 0] = 1.0
    q_proj, k_proj = weights["q_proj.weight"], weights["k_proj.weight"]
    q_proj[::8], k_proj[::4] = 0.0, 0.0
    q_proj[::8, 0], k_proj[::4, 0] = 1.0, -3e4
    expected = by_torch(weights, x)

    out = build(attempt, weights)(x)

    assert_close(out, expected, rtol=1e-2, atol=1e-2, why="scores near -15,000, in float32")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32], ids=str)
def test_returns_the_dtype_of_x(attempt, dtype):
    module = build(attempt, make_weights()).to(dtype)

    assert module(make_x().to(dtype)).dtype == dtype


def test_a_bfloat16_softmax_adds_up_in_float32(attempt):
    # 600 equal scores: a sum in bfloat16 stops growing at 256
    sizes = (4, 2, 2, 2)
    weights = make_weights(*sizes)
    weights["q_proj.weight"] = torch.zeros(8, 4, dtype=torch.float64)
    for name in ("v_proj.weight", "o_proj.weight"):
        weights[name] = torch.eye(4, dtype=torch.float64)
    x = (torch.randn(1, 600, 4) + torch.tensor([8.0, -4.0, 2.0, 6.0])).bfloat16()
    expected = by_torch(weights, x.double(), sizes).bfloat16()

    out = build(attempt, weights, sizes).bfloat16()(x)

    assert_close(out, expected, rtol=0.02, atol=0.02, why="weights and values in bfloat16")


def test_a_second_call_gives_the_same(attempt):
    weights, x = make_weights(), make_x()
    expected = by_torch(weights, x)
    module = build(attempt, weights)
    module(make_x(T=8))

    assert_close(module(x), expected, **FLOAT32_SOFTMAX)


def test_the_mask_is_made_on_the_device_of_x(attempt):
    assert_follows_device(build(attempt, make_weights()), make_x())


@pytest.mark.parametrize("n_heads, n_kv_heads", [(6, 4), (2, 4)], ids=["6-by-4", "2-by-4"])
def test_rejects_heads_that_do_not_divide(attempt, n_heads, n_kv_heads):
    with pytest.raises(ValueError):
        attempt.GatedAttention(12, n_heads, n_kv_heads, 4)
