"""Against torch's grouped scaled_dot_product_attention and transformers' Llama."""

from types import SimpleNamespace

import pytest
import torch
from torch.nn.attention.bias import causal_lower_right
from torch.nn.functional import scaled_dot_product_attention
from transformers.models.llama.modeling_llama import eager_attention_forward

# H, G, T_q, T_k, D, causal
CASES = [
    (4, 4, 5, 5, 8, True),
    (4, 1, 5, 5, 8, True),
    (6, 2, 3, 7, 16, True),
    (6, 3, 1, 9, 4, True),
    (8, 2, 7, 3, 8, False),
]


def leaves(H, G, T_q, T_k, D):
    torch.manual_seed(0)
    shapes = (2, H, T_q, D), (2, G, T_k, D), (2, G, T_k, D)
    return [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]


def agree(actual, expected, inputs, **tolerance):
    torch.testing.assert_close(actual, expected, **tolerance)
    cotangent = torch.randn_like(expected)
    torch.testing.assert_close(
        torch.autograd.grad(actual, inputs, cotangent),
        torch.autograd.grad(expected, inputs, cotangent),
        **tolerance,
    )


@pytest.mark.parametrize("case", CASES)
def test_torch(solution, case):
    *shape, causal = case
    inputs = leaves(*shape)
    mask = causal_lower_right(*shape[2:4]) if causal else None

    expected = scaled_dot_product_attention(*inputs, attn_mask=mask, enable_gqa=True)
    agree(solution.grouped_query_attention(*inputs, causal=causal), expected, inputs)


@pytest.mark.parametrize("case", CASES)
def test_llama(solution, case):
    H, G, T_q, T_k, D, causal = case
    inputs = leaves(H, G, T_q, T_k, D)
    module = SimpleNamespace(num_key_value_groups=H // G, training=False)
    later = torch.ones(T_q, T_k).triu(T_k - T_q + 1).bool()
    mask = torch.zeros(T_q, T_k, dtype=torch.float64).masked_fill(later, -torch.inf)

    expected, _ = eager_attention_forward(
        module, *inputs, attention_mask=mask if causal else None, scaling=D**-0.5
    )
    # transformers takes its softmax in float32
    agree(
        solution.grouped_query_attention(*inputs, causal=causal),
        expected.transpose(1, 2),
        inputs,
        rtol=1e-5,
        atol=1e-5,
    )
