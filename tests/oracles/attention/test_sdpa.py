"""Against torch's scaled_dot_product_attention, outputs and gradients."""

import math

import pytest
import torch
from torch.nn.attention.bias import causal_lower_right
from torch.nn.functional import scaled_dot_product_attention

SHAPES = [(1, 1, 1, 1, 4, 4), (2, 3, 4, 6, 8, 5), (2, 2, 7, 7, 16, 16), (1, 2, 6, 4, 3, 8)]


def leaves(B, H, T_q, T_k, D, D_v):
    torch.manual_seed(0)
    shapes = (B, H, T_q, D), (B, H, T_k, D), (B, H, T_k, D_v)
    return [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]


def agree(actual, expected, inputs):
    torch.testing.assert_close(actual, expected)
    cotangent = torch.randn_like(expected)
    torch.testing.assert_close(
        torch.autograd.grad(actual, inputs, cotangent),
        torch.autograd.grad(expected, inputs, cotangent),
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_without_a_mask(solution, shape):
    inputs = leaves(*shape)

    agree(solution.attention(*inputs), scaled_dot_product_attention(*inputs), inputs)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("share", [0.0, 0.3, 0.8])
def test_with_a_boolean_mask(solution, shape, share):
    B, H, T_q, T_k = shape[:4]
    inputs = leaves(*shape)
    mask = torch.rand(B, H, T_q, T_k) < share

    expected = scaled_dot_product_attention(*inputs, attn_mask=mask)
    agree(solution.attention(*inputs, mask), expected, inputs)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_with_a_float_mask(solution, shape, share):
    B, _, T_q, T_k = shape[:4]
    inputs = leaves(*shape)
    bias = torch.randn(B, 1, T_q, T_k, dtype=torch.float64)
    bias = bias.masked_fill(torch.rand(bias.shape) > share, -math.inf).requires_grad_()

    expected = scaled_dot_product_attention(*inputs, attn_mask=bias, scale=0.4)
    agree(solution.attention(*inputs, bias, scale=0.4), expected, [*inputs, bias])


@pytest.mark.parametrize("shape", [shape for shape in SHAPES if shape[2] <= shape[3]])
def test_causal(solution, shape):
    inputs = leaves(*shape)

    expected = scaled_dot_product_attention(*inputs, attn_mask=causal_lower_right(*shape[2:4]))
    agree(solution.attention(*inputs, causal=True), expected, inputs)


def test_by_hand(solution):
    q = torch.tensor([[[[1.0]]]])
    k = torch.tensor([[[[0.0], [math.log(3)]]]])
    v = torch.tensor([[[[0.0], [8.0]]]])

    # weights 1/4 and 3/4
    torch.testing.assert_close(solution.attention(q, k, v), torch.tensor([[[[6.0]]]]))
