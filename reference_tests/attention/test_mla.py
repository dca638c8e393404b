"""Values are compared in float64, within what an attempt may compute in float32."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from grader.testing import (
    assert_cache_equals_full,
    assert_close,
    assert_equal,
    assert_follows_device,
    assert_same_gradients,
    complex_rope,
)

FLOAT32_PARTS = {
    "rtol": 1e-4,
    "atol": 1e-4,
    "why": "RoPE, norms and softmax may be computed in float32",
}
# kv_lora_rank is even because torch.view_as_complex refuses slices with odd strides
SIZES = {
    "d_model": 24,
    "n_heads": 3,
    "q_lora_rank": 10,
    "kv_lora_rank": 8,
    "d_nope": 6,
    "d_rope": 4,
    "d_v": 5,
}
OTHER_SIZES = {
    "wide-rope": {"d_nope": 2, "d_rope": 8, "d_v": 9},
    "one-head": {"n_heads": 1, "q_lora_rank": 30},
    "theta": {"theta": 20.0, "d_rope": 6},
    "eps": {"eps": 0.05},
}


def make_weights(d_model, n_heads, q_lora_rank, kv_lora_rank, d_nope, d_rope, d_v, **_):
    shapes = {
        "q_a_proj": (q_lora_rank, d_model),
        "q_a_layernorm": (q_lora_rank,),
        "q_b_proj": (n_heads * (d_nope + d_rope), q_lora_rank),
        "kv_a_proj_with_mqa": (kv_lora_rank + d_rope, d_model),
        "kv_a_layernorm": (kv_lora_rank,),
        "kv_b_proj": (n_heads * (d_nope + d_v), kv_lora_rank),
        "o_proj": (d_model, n_heads * d_v),
    }
    weights = {}
    for name, shape in shapes.items():
        weight = torch.randn(shape, dtype=torch.float64)
        is_norm = len(shape) == 1
        weights[f"{name}.weight"] = 1 + 0.4 * weight if is_norm else weight / math.sqrt(shape[1])
    return weights


def build(source, weights, **sizes):
    module = source.MultiHeadLatentAttention(**sizes).double()
    shapes = {name: tuple(parameter.shape) for name, parameter in module.named_parameters()}
    assert_equal(
        shapes, {name: tuple(w.shape) for name, w in weights.items()}, label="the parameters"
    )
    # not strict: a module may hold constants in buffers
    module.load_state_dict(weights, strict=False)
    return module


def rope(x, start, theta):
    """(B, T, d_rope) or (B, T, H, d_rope), in pairs of neighbours."""
    positions = torch.arange(start, start + x.shape[1])
    positions = positions if x.dim() == 3 else positions[:, None]
    return complex_rope(x, positions, theta, neighbours=True)


def by_torch(
    weights, x, *, n_heads, kv_lora_rank, d_nope, d_rope, d_v, theta=10000.0, eps=1e-6, **_
):
    """MLA without a cache from torch's own functions, each head as in the spec."""

    def linear(name, x):
        return F.linear(x, weights[f"{name}.weight"])

    def norm(name, x):
        return F.rms_norm(x, x.shape[-1:], weights[f"{name}.weight"], eps)

    B, T, _ = x.shape
    q = linear("q_b_proj", norm("q_a_layernorm", linear("q_a_proj", x)))
    q = q.reshape(B, T, n_heads, d_nope + d_rope)
    q = torch.cat([q[..., :d_nope], rope(q[..., d_nope:], 0, theta)], dim=-1)

    latent_and_key = linear("kv_a_proj_with_mqa", x)
    latent = norm("kv_a_layernorm", latent_and_key[..., :kv_lora_rank])
    k_rope = rope(latent_and_key[..., kv_lora_rank:], 0, theta)
    kv = linear("kv_b_proj", latent).reshape(B, T, n_heads, d_nope + d_v)
    shared = k_rope[:, :, None].expand(B, T, n_heads, d_rope)
    k = torch.cat([kv[..., :d_nope], shared], dim=-1)

    q, k, v = (part.transpose(1, 2) for part in (q, k, kv[..., d_nope:]))
    out = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    return linear("o_proj", out.transpose(1, 2).reshape(B, T, -1)), (latent, k_rope)


def make_case(T=7, **changes):
    sizes = SIZES | changes
    weights = make_weights(**sizes)
    return sizes, weights, torch.randn(2, T, sizes["d_model"], dtype=torch.float64)


def first(cache, n):
    return tuple(part[:, :n].clone() for part in cache)


def test_has_the_parameters_of_the_spec(attempt):
    sizes, weights, _ = make_case()

    build(attempt, weights, **sizes)


@pytest.mark.parametrize("T", [1, 2, 7])
def test_matches_torch(attempt, T):
    sizes, weights, x = make_case(T)
    expected, _ = by_torch(weights, x, **sizes)

    out, _ = build(attempt, weights, **sizes)(x)

    assert_close(out, expected, **FLOAT32_PARTS)


@pytest.mark.parametrize("changes", OTHER_SIZES.values(), ids=OTHER_SIZES)
def test_matches_torch_at_other_sizes(attempt, changes):
    sizes, weights, x = make_case(**changes)
    expected, _ = by_torch(weights, x, **sizes)

    out, _ = build(attempt, weights, **sizes)(x)

    assert_close(out, expected, **FLOAT32_PARTS)


def test_small_inputs_show_eps_in_both_norms(attempt):
    sizes, weights, x = make_case()
    x = x * 1e-3  # mean squares of about 1e-6, as large as eps
    expected = by_torch(weights, x, **sizes)

    assert_close(build(attempt, weights, **sizes)(x), expected, **FLOAT32_PARTS)


def test_no_token_sees_a_later_one(attempt):
    sizes, weights, x = make_case()
    module = build(attempt, weights, **sizes)
    changed = x.clone()
    changed[:, 4:] = torch.randn_like(x[:, 4:])
    expected, _ = by_torch(weights, x, **sizes)

    out, _ = module(changed)

    assert_close(out[:, :4], expected[:, :4], **FLOAT32_PARTS)


def test_the_cache_holds_the_normalised_latent(attempt):
    sizes, weights, x = make_case()
    _, (latent, _) = by_torch(weights, x, **sizes)

    _, cache = build(attempt, weights, **sizes)(x)

    assert len(cache) == 2
    assert_close(cache[0], latent, label="latent", **FLOAT32_PARTS)


@pytest.mark.parametrize("theta", [10000.0, 20.0])
def test_the_cache_holds_the_rope_key_after_rope(attempt, theta):
    sizes, weights, x = make_case(theta=theta, d_rope=6)
    _, (_, k_rope) = by_torch(weights, x, **sizes)

    _, cache = build(attempt, weights, **sizes)(x)

    assert_close(cache[1], k_rope, label="k_rope", **FLOAT32_PARTS)


@pytest.mark.parametrize(
    "T_cached, T",
    [
        pytest.param(6, 1, id="one-token"),
        pytest.param(4, 3, id="a-chunk"),
        pytest.param(1, 6, id="a-long-chunk"),
    ],
)
def test_new_tokens_see_the_cache_and_come_after_it(attempt, T_cached, T):
    sizes, weights, x = make_case(T_cached + T, theta=20.0)
    expected, cache = by_torch(weights, x, **sizes)

    out, _ = build(attempt, weights, **sizes)(x[:, T_cached:], first(cache, T_cached))

    assert_close(out, expected[:, T_cached:], **FLOAT32_PARTS)


def test_the_returned_cache_holds_old_and_new_tokens(attempt):
    sizes, weights, x = make_case(theta=20.0)
    _, expected = by_torch(weights, x, **sizes)

    _, cache = build(attempt, weights, **sizes)(x[:, 4:], first(expected, 4))

    assert_close(cache, expected, label="cache", **FLOAT32_PARTS)


def test_decoding_token_by_token_equals_one_pass(attempt):
    sizes, weights, x = make_case(theta=20.0)
    expected, _ = by_torch(weights, x, **sizes)
    module = build(attempt, weights, **sizes)

    assert_cache_equals_full(module, x, pieces=(3, 1, 1, 1, 1), expected=expected, **FLOAT32_PARTS)


def test_one_cache_serves_two_continuations(attempt):
    sizes, weights, x = make_case()
    y = torch.cat([x[:, :4], torch.randn_like(x[:, :2])], dim=1)
    expected_x, _ = by_torch(weights, x, **sizes)
    expected_y, _ = by_torch(weights, y, **sizes)
    module = build(attempt, weights, **sizes)

    _, cache = module(x[:, :4])
    out_x, _ = module(x[:, 4:], cache)
    out_y, _ = module(y[:, 4:], cache)

    assert_close(out_x, expected_x[:, 4:], **FLOAT32_PARTS)
    assert_close(out_y, expected_y[:, 4:], **FLOAT32_PARTS)


def test_a_call_without_a_cache_starts_afresh(attempt):
    sizes, weights, x = make_case()
    expected = by_torch(weights, x, **sizes)
    module = build(attempt, weights, **sizes)
    module(torch.randn_like(x))

    assert_close(module(x), expected, **FLOAT32_PARTS)


def test_gradients_match_the_reference(attempt, reference):
    sizes, weights, x = make_case(theta=20.0)
    expected = build(reference, weights, **sizes)

    assert_same_gradients(
        build(attempt, weights, **sizes), expected, x, names=("x",), **FLOAT32_PARTS
    )


class InPieces(nn.Module):
    def __init__(self, attention):
        super().__init__()
        self.attention = attention

    def forward(self, x):
        _, cache = self.attention(x[:, :3])
        _, cache = self.attention(x[:, 3:5], cache)
        return self.attention(x[:, 5:], cache)[0]


def test_gradients_flow_through_the_cache(attempt, reference):
    sizes, weights, x = make_case(theta=20.0)
    expected = InPieces(build(reference, weights, **sizes))

    assert_same_gradients(
        InPieces(build(attempt, weights, **sizes)), expected, x, names=("x",), **FLOAT32_PARTS
    )


def test_what_is_hidden_stays_so_among_scores_far_below_zero(attempt):
    # the second pair hardly turns by this theta, and makes all scores lie near -30,000
    sizes, weights, x = make_case(theta=1e16)
    x[..., 0] = 1.0
    weights["q_a_proj.weight"][0, 0] = 1e4  # far above all else: sqrt(10) after the norm
    weights["q_a_layernorm.weight"][0] = 1.0
    for head in weights["q_b_proj.weight"].view(3, 10, 10):
        head[8] = 0.0
        head[8, 0] = 1.0
    weights["kv_a_proj_with_mqa.weight"][10:] = 0.0
    weights["kv_a_proj_with_mqa.weight"][10, 0] = -3e4
    expected, _ = by_torch(weights, x, **sizes)

    out, _ = build(attempt, weights, **sizes)(x)

    assert_close(out, expected, rtol=1e-2, atol=1e-2, why="scores near -30,000, in float32")


def test_returns_the_dtype_of_x(attempt):
    sizes, weights, x = make_case()
    module = build(attempt, weights, **sizes).bfloat16()

    out, cache = module(x.bfloat16())

    assert [out.dtype, cache[0].dtype, cache[1].dtype] == [torch.bfloat16] * 3


def test_bfloat16_knows_position_3001_from_3000(attempt):
    sizes, weights, x = make_case(T=3, theta=20.0, d_rope=6)
    weights = {name: weight.bfloat16().double() for name, weight in weights.items()}
    x = x.bfloat16()
    cache = torch.randn(2, 3001, 8).bfloat16(), torch.randn(2, 3001, 6).bfloat16()
    plain = F.linear(x.double(), weights["kv_a_proj_with_mqa.weight"])[..., 8:]
    expected = rope(plain, 3001, 20.0).bfloat16()

    _, (_, k_rope) = build(attempt, weights, **sizes).bfloat16()(x, cache)

    # bfloat16 is spaced 16 apart at 3001: angles in it are off by a radian
    assert_close(k_rope[:, 3001:], expected, rtol=0.05, atol=0.1, why="bfloat16 activations")


def test_a_bfloat16_norm_is_computed_in_float32(attempt):
    sizes, weights, _ = make_case(d_model=256, kv_lora_rank=256)
    # the latent is x itself before its norm, and the norm's weight is 1
    weights["kv_a_proj_with_mqa.weight"][:256] = torch.eye(256, dtype=torch.float64)
    weights["kv_a_layernorm.weight"][:] = 1.0
    x = (torch.randn(2, 64, 256) * 1.4).bfloat16()  # factors far from 1, where all round alike
    exact = F.rms_norm(x.double(), (256,), eps=1e-6)

    _, (latent, _) = build(attempt, weights, **sizes).bfloat16()(x)

    # one factor a token, which the rounding of 256 channels leaves as it is
    factor = (latent.double() * exact).sum(-1) / exact.square().sum(-1)
    off = (factor - 1).abs().mean()
    zero = torch.zeros((), dtype=torch.float64)
    assert_close(off, zero, rtol=0, atol=5e-4, label="what the norm is off by", why="bfloat16")


def test_theta_is_10000_if_none_is_given(attempt):
    sizes, weights, x = make_case(T=1, d_rope=8)
    # far enough for the angle of the second pair to tell 10000 from 10001
    cache = [torch.zeros(2, 600, 8, dtype=torch.float64) for _ in range(2)]
    plain = F.linear(x, weights["kv_a_proj_with_mqa.weight"])[..., 8:]
    expected = rope(plain, 600, 10000.0)

    _, (_, k_rope) = build(attempt, weights, **sizes)(x, tuple(cache))

    assert_close(k_rope[:, 600:], expected, **FLOAT32_PARTS)


def test_positions_and_mask_are_made_on_the_device_of_x(attempt):
    sizes, weights, x = make_case()

    assert_follows_device(build(attempt, weights, **sizes), x)


@pytest.mark.parametrize("d_rope", [1, 5])
def test_rejects_an_odd_d_rope(attempt, d_rope):
    with pytest.raises(ValueError):
        attempt.MultiHeadLatentAttention(**SIZES | {"d_rope": d_rope})


def bench(attempt, size, device):
    """Size is the length of a prompt: 2 sequences of width 256, 8 heads, a latent of 64."""
    ranks = {"q_lora_rank": 96, "kv_lora_rank": 64}
    heads = {"d_nope": 32, "d_rope": 16, "d_v": 32}
    sizes, weights, x = make_case(size, d_model=256, n_heads=8, **ranks, **heads)
    module = build(attempt, weights, **sizes).float().to(device).requires_grad_(False)
    x = x.float().to(device)
    return lambda: module(x)


bench.sizes = (32, 128, 512)
