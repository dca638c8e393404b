"""Values are compared in float64, where only logic, not rounding, can differ."""

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from grader.testing import assert_close, assert_follows_device

NAMES = ("grad_x", "grad_w_q", "grad_w_k", "grad_w_v", "grad_w_o")
SIZES = [
    pytest.param((2, 5, 12, 3), id="three-heads"),
    pytest.param((3, 4, 8, 1), id="one-head"),
    pytest.param((2, 4, 16, 4), id="as-many-heads-as-tokens"),
    pytest.param((1, 7, 6, 6), id="one-channel-a-head"),
    pytest.param((2, 1, 12, 2), id="one-token"),
]


def make_inputs(B=2, T=5, d_model=12, dtype=torch.float64):
    # views that are not contiguous
    grad_out, x = (torch.randn(T, B, d_model, dtype=torch.float64).transpose(0, 1) for _ in "gx")
    weights = [torch.randn(d_model, d_model, dtype=torch.float64) for _ in range(4)]
    weights = [weight * 1.3 / d_model**0.5 for weight in weights]
    return [tensor.to(dtype) for tensor in (grad_out, x, *weights)]


def expect(grad_out, x, w_q, w_k, w_v, w_o, n_heads, *, causal=True):
    """torch's autograd through torch's attention, in float64."""
    grad_out, *leaves = (t.detach().double() for t in (grad_out, x, w_q, w_k, w_v, w_o))
    x, w_q, w_k, w_v, w_o = (leaf.requires_grad_() for leaf in leaves)
    q, k, v = ((x @ w.T).unflatten(-1, (n_heads, -1)).transpose(1, 2) for w in (w_q, w_k, w_v))
    heads = scaled_dot_product_attention(q, k, v, is_causal=causal)
    y = heads.transpose(1, 2).flatten(2) @ w_o.T
    # given grad_out itself, autograd imports sympy first, which takes most of a second
    return torch.autograd.grad((y * grad_out).sum(), [x, w_q, w_k, w_v, w_o])


def check(actual, expected, which=NAMES, **tolerance):
    for name, got, want in zip(NAMES, actual, expected, strict=True):
        if name in which:
            assert_close(got, want, label=name, **tolerance)


@pytest.mark.parametrize("sizes", SIZES)
def test_grad_x_matches_autograd(attempt, sizes):
    *shape, n_heads = sizes
    inputs = make_inputs(*shape)
    expected = expect(*inputs, n_heads)

    check(attempt.mha_backward(*inputs, n_heads), expected, ["grad_x"])


@pytest.mark.parametrize("sizes", SIZES)
def test_gradients_of_weights_match_autograd(attempt, sizes):
    *shape, n_heads = sizes
    inputs = make_inputs(*shape)
    expected = expect(*inputs, n_heads)

    check(attempt.mha_backward(*inputs, n_heads), expected, NAMES[1:])


@pytest.mark.parametrize("sizes", SIZES)
def test_without_causal_gradients_match_autograd(attempt, sizes):
    *shape, n_heads = sizes
    inputs = make_inputs(*shape)
    expected = expect(*inputs, n_heads, causal=False)

    check(attempt.mha_backward(*inputs, n_heads, causal=False), expected)


def test_returns_a_tuple_of_five(attempt):
    inputs = make_inputs()
    expected = tuple(expect(*inputs, 3))

    assert_close(attempt.mha_backward(*inputs, 3), expected)


def test_one_token_gives_queries_and_keys_no_gradient(attempt):
    # its one weight is 1, whatever the score
    inputs = make_inputs(T=1)
    zeros = torch.zeros(12, 12, dtype=torch.float64)

    _, grad_w_q, grad_w_k, _, _ = attempt.mha_backward(*inputs, 3)

    assert_close(grad_w_q, zeros, label="grad_w_q")
    assert_close(grad_w_k, zeros, label="grad_w_k")


def test_a_token_gets_no_gradient_from_earlier_ones(attempt):
    grad_out, *inputs = make_inputs()
    grad_out = grad_out.clone()
    grad_out[:, 3:] = 0
    expected = expect(grad_out, *inputs, 3)[0]

    grad_x = attempt.mha_backward(grad_out, *inputs, 3)[0]

    assert_close(grad_x, expected, label="grad_x")


def test_large_scores_do_not_overflow(attempt):
    grad_out, x, w_q, w_k, w_v, w_o = make_inputs()
    inputs = grad_out, x, w_q * 30, w_k * 30, w_v, w_o
    expected = expect(*inputs, 3)

    check(
        attempt.mha_backward(*inputs, 3),
        expected,
        rtol=1e-6,
        atol=1e-6,
        why="scores in the thousands carry their rounding into the weights",
    )


def test_what_is_hidden_stays_so_among_scores_far_below_zero(attempt):
    inputs = make_inputs()
    x, w_q, w_k = inputs[1:4]
    # each head's channel 0 is 1 in queries and -3e4 in keys: scores near -3e4 / sqrt(4) = -15,000
    x[..., 0] = 1.0
    w_q[::4], w_k[::4] = 0.0, 0.0
    w_q[::4, 0], w_k[::4, 0] = 1.0, -3e4
    expected = expect(*inputs, 3)

    check(
        attempt.mha_backward(*inputs, 3),
        expected,
        rtol=1e-4,
        atol=1e-4,
        # the gradient of q adds up keys of -30,000
        why="scores near -15,000 carry their rounding into the weights",
    )


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32], ids=str)
def test_gradients_have_the_dtype_of_x(attempt, dtype):
    grads = attempt.mha_backward(*make_inputs(dtype=dtype), 3)

    assert [grad.dtype for grad in grads] == [dtype] * 5


def test_bfloat16_is_computed_in_float32(attempt):
    inputs = make_inputs(T=16, d_model=32, dtype=torch.bfloat16)
    expected = expect(*inputs, 4)

    grads = [grad.double() for grad in attempt.mha_backward(*inputs, 4)]

    # one rounding errs by half a step between neighbours, 1/256
    check(grads, expected, rtol=0.005, atol=1e-3, why="one rounding to bfloat16")


def test_a_second_call_gives_the_same(attempt):
    inputs = make_inputs()
    expected = expect(*inputs, 3)
    attempt.mha_backward(*make_inputs(T=3), 3)

    check(attempt.mha_backward(*inputs, 3), expected)


def test_runs_without_autograd(attempt):
    inputs = make_inputs()
    expected = expect(*inputs, 3)

    with torch.inference_mode():
        grads = attempt.mha_backward(*inputs, 3)

    check(grads, expected)


def test_the_mask_is_made_on_the_device_of_x(attempt):
    assert_follows_device(attempt.mha_backward, *make_inputs(), 3)


@pytest.mark.parametrize("n_heads", [5, 24])
def test_rejects_heads_that_do_not_divide(attempt, n_heads):
    with pytest.raises(ValueError):
        attempt.mha_backward(*make_inputs(), n_heads)


def bench(attempt, size, device):
    """Size is the length: 2 sequences of width 256, 8 heads, in float32."""
    inputs = [x.to(device) for x in make_inputs(2, size, 256, torch.float32)]
    return lambda: attempt.mha_backward(*inputs, 8)


bench.sizes = (32, 128, 256)
