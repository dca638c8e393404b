"""Values are compared in float64, where only logic, not rounding, can differ."""

import math

import pytest
import torch
from torch.nn import functional as F

from grader.testing import assert_close, assert_equal, assert_follows_device, assert_same_gradients

FLOAT32_SOFTMAX = {"rtol": 1e-4, "atol": 1e-4, "why": "the softmax may be computed in float32"}
SIZES = [
    pytest.param((2, 5, 7, 12, 10, 3), id="more-context"),
    pytest.param((2, 6, 3, 8, 8, 1), id="less-context"),
    pytest.param((3, 4, 4, 8, 16, 4), id="as-much-context"),
    pytest.param((2, 4, 4, 8, 8, 2), id="context-like-x"),
    pytest.param((1, 1, 6, 6, 5, 6), id="one-query"),
    pytest.param((2, 4, 1, 12, 3, 2), id="one-context-token"),
]


def make_weights(d_model=12, d_context=10):
    widths = {"q_proj": d_model, "k_proj": d_context, "v_proj": d_context, "o_proj": d_model}
    return {
        f"{name}.weight": torch.randn(d_model, width, dtype=torch.float64) * 1.5 / math.sqrt(width)
        for name, width in widths.items()
    }


def make_inputs(B=2, T_q=5, T_k=7, d_model=12, d_context=10):
    # views that are not contiguous
    shapes = (T_q, B, d_model), (T_k, B, d_context)
    return [torch.randn(shape, dtype=torch.float64).transpose(0, 1) for shape in shapes]


def make_mask(B, T):
    """About half are tokens, anywhere; in each row one at least is, and one is padding."""
    mask = torch.rand(B, T) < 0.5
    mask[:, 1] = True
    mask[:, 2] = False
    return mask


def build(source, weights, n_heads=3):
    d_model, d_context = weights["k_proj.weight"].shape
    module = source.CrossAttention(d_model, d_context, n_heads).double()
    shapes = {name: tuple(parameter.shape) for name, parameter in module.named_parameters()}
    wanted = {name: tuple(weight.shape) for name, weight in weights.items()}
    assert_equal(shapes, wanted, label="the parameters")
    # not strict: a module may hold constants in buffers
    module.load_state_dict(weights, strict=False)
    return module


def by_torch(weights, x, context, n_heads=3):
    """Each head on its slice of channels, by torch's attention, without padding."""
    q, k, v = (
        F.linear(y, weights[f"{name}.weight"]).chunk(n_heads, dim=-1)
        for name, y in (("q_proj", x), ("k_proj", context), ("v_proj", context))
    )
    heads = [
        F.scaled_dot_product_attention(*(part[:, None] for part in parts))[:, 0]
        for parts in zip(q, k, v, strict=True)
    ]
    return F.linear(torch.cat(heads, dim=-1), weights["o_proj.weight"])


def tokens_only(weights, x, context, x_mask=None, context_mask=None):
    """Each sequence by itself, with its padding cut out, and zeros where there is nothing."""
    out = torch.zeros_like(x)
    for b in range(len(x)):
        kept = context[b] if context_mask is None else context[b, context_mask[b]]
        rows = torch.ones(x.shape[1], dtype=torch.bool) if x_mask is None else x_mask[b]
        if len(kept) and rows.any():
            out[b, rows] = by_torch(weights, x[b : b + 1, rows], kept[None])[0]
    return out


def test_has_the_parameters_of_the_spec(attempt):
    build(attempt, make_weights())


@pytest.mark.parametrize("sizes", SIZES)
def test_matches_torch(attempt, sizes):
    B, T_q, T_k, d_model, d_context, n_heads = sizes
    weights = make_weights(d_model, d_context)
    x, context = make_inputs(B, T_q, T_k, d_model, d_context)
    expected = by_torch(weights, x, context, n_heads)

    assert_close(build(attempt, weights, n_heads)(x, context), expected, **FLOAT32_SOFTMAX)


@pytest.mark.parametrize("fill", [5.0, 1e15, -1e15], ids=["five", "huge", "minus-huge"])
def test_padding_of_context_has_no_effect(attempt, fill):
    weights, (x, context), mask = make_weights(), make_inputs(), make_mask(2, 7)
    context = context.masked_fill(~mask[..., None], fill)
    expected = tokens_only(weights, x, context, None, mask)

    out = build(attempt, weights)(x, context, context_mask=mask)

    assert_close(out, expected, **FLOAT32_SOFTMAX)


def test_rows_of_padding_in_x_are_zeros(attempt):
    weights, (x, context), mask = make_weights(), make_inputs(), make_mask(2, 5)
    expected = tokens_only(weights, x, context, mask)

    out = build(attempt, weights)(x, context, x_mask=mask)

    assert_close(out, expected, **FLOAT32_SOFTMAX)


@pytest.mark.parametrize("T_q, T_k", [(5, 7), (6, 6)], ids=["5-by-7", "6-by-6"])
def test_both_masks_apply(attempt, T_q, T_k):
    weights, (x, context) = make_weights(), make_inputs(T_q=T_q, T_k=T_k)
    masks = make_mask(2, T_q), make_mask(2, T_k)
    expected = tokens_only(weights, x, context, *masks)

    out = build(attempt, weights)(x, context, *masks)

    assert_close(out, expected, **FLOAT32_SOFTMAX)


def test_masks_without_padding_change_nothing(attempt):
    weights, (x, context) = make_weights(), make_inputs()
    masks = torch.ones(2, 5, dtype=torch.bool), torch.ones(2, 7, dtype=torch.bool)
    expected = by_torch(weights, x, context)

    assert_close(build(attempt, weights)(x, context, *masks), expected, **FLOAT32_SOFTMAX)


@pytest.mark.parametrize("padded", [False, True], ids=["x-whole", "x-padded"])
def test_a_context_of_padding_only_gives_zeros(attempt, padded):
    weights, (x, context), mask = make_weights(), make_inputs(B=3), make_mask(3, 7)
    mask[1] = False
    x_mask = make_mask(3, 5) if padded else None
    expected = tokens_only(weights, x, context, x_mask, mask)

    out = build(attempt, weights)(x, context, x_mask, mask)

    assert_close(out, expected, **FLOAT32_SOFTMAX)


def test_gradients_match_the_reference(attempt, reference):
    weights, (x, context) = make_weights(), make_inputs()
    masks = make_mask(2, 5), make_mask(2, 7)

    assert_same_gradients(
        build(attempt, weights),
        build(reference, weights),
        *(x, context, *masks),
        names=("x", "context"),
        **FLOAT32_SOFTMAX,
    )


def test_gradients_are_finite_where_a_context_is_all_padding(attempt):
    weights, (x, context), mask = make_weights(), make_inputs(B=3), make_mask(3, 7)
    mask[1] = False
    leaves = [tensor.clone().requires_grad_() for tensor in (x, context)]
    cotangent = torch.randn_like(x)
    wanted = tokens_only(weights, *leaves, None, mask)
    expected = torch.autograd.grad((wanted * cotangent).sum(), leaves)

    out = build(attempt, weights)(*leaves, context_mask=mask)
    grads = torch.autograd.grad((out * cotangent).sum(), leaves)

    for name, got, want in zip(("x", "context"), grads, expected, strict=True):
        assert_close(got, want, label=f"the gradient of {name}", **FLOAT32_SOFTMAX)


def test_scores_in_the_thousands_do_not_overflow(attempt):
    weights, (x, context) = make_weights(), make_inputs()
    weights["q_proj.weight"] = weights["q_proj.weight"] * 1000
    expected = by_torch(weights, x, context)

    out = build(attempt, weights)(x, context)

    assert_close(out, expected, rtol=1e-2, atol=1e-2, why="scores in the thousands, in float32")


def test_what_is_hidden_stays_so_among_scores_far_below_zero(attempt):
    weights, (x, context), mask = make_weights(), make_inputs(), make_mask(2, 7)
    # each head's channel 0 is 1 in queries and -3e4 in keys: scores near -3e4 / sqrt(4) = -15,000
    for name, y, value in (("q_proj", x, 1.0), ("k_proj", context, -3e4)):
        y[..., 0] = 1.0
        weights[f"{name}.weight"][::4] = 0.0
        weights[f"{name}.weight"][::4, 0] = value
    expected = tokens_only(weights, x, context, None, mask)

    out = build(attempt, weights)(x, context, context_mask=mask)

    assert_close(out, expected, rtol=1e-2, atol=1e-2, why="scores near -15,000, in float32")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32], ids=str)
def test_returns_the_dtype_of_x(attempt, dtype):
    module = build(attempt, make_weights()).to(dtype)
    x, context = (tensor.to(dtype) for tensor in make_inputs())

    assert module(x, context, make_mask(2, 5), make_mask(2, 7)).dtype == dtype


def test_a_bfloat16_softmax_adds_up_in_float32(attempt):
    # 1,500 equal scores: a sum in bfloat16 stops growing at 256
    weights = make_weights(4, 4)
    weights["q_proj.weight"] = torch.zeros(4, 4, dtype=torch.float64)
    for name in ("v_proj.weight", "o_proj.weight"):
        weights[name] = torch.eye(4, dtype=torch.float64)
    x, context = make_inputs(1, 3, 1500, 4, 4)
    x, context = x.bfloat16(), (context + torch.tensor([8.0, -4.0, 2.0, 6.0])).bfloat16()
    expected = by_torch(weights, x.double(), context.double(), 2).bfloat16()

    out = build(attempt, weights, 2).bfloat16()(x, context)

    assert_close(out, expected, rtol=0.02, atol=0.02, why="weights and values in bfloat16")


def test_a_second_call_gives_the_same(attempt):
    weights, (x, context), mask = make_weights(), make_inputs(), make_mask(2, 7)
    expected = tokens_only(weights, x, context, None, mask)
    module = build(attempt, weights)
    module(*make_inputs(T_q=3, T_k=4))

    assert_close(module(x, context, context_mask=mask), expected, **FLOAT32_SOFTMAX)


def test_all_is_made_on_the_device_of_x(attempt):
    x, context = make_inputs()

    assert_follows_device(
        build(attempt, make_weights()), x, context, make_mask(2, 5), make_mask(2, 7)
    )


@pytest.mark.parametrize("d_model, n_heads", [(12, 5), (4, 8)], ids=["12-by-5", "4-by-8"])
def test_rejects_heads_that_do_not_divide(attempt, d_model, n_heads):
    with pytest.raises(ValueError):
        attempt.CrossAttention(d_model, 10, n_heads)
