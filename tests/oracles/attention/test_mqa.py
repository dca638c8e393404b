"""Against torch's scaled_dot_product_attention with one group."""

import pytest
import torch
from torch.nn.attention.bias import causal_lower_right
from torch.nn.functional import scaled_dot_product_attention

# H, T_q, T_k, D, D_v, causal
CASES = [
    (4, 5, 5, 8, 8, True),
    (6, 3, 7, 16, 5, True),
    (6, 1, 9, 4, 4, True),
    (1, 4, 4, 8, 8, True),
    (8, 7, 3, 8, 3, False),
]


@pytest.mark.parametrize("case", CASES)
def test_torch(solution, case):
    torch.manual_seed(0)
    H, T_q, T_k, D, D_v, causal = case
    shapes = (2, H, T_q, D), (2, T_k, D), (2, T_k, D_v)
    q, k, v = (torch.randn(s, dtype=torch.float64, requires_grad=True) for s in shapes)
    mask = causal_lower_right(T_q, T_k) if causal else None

    expected = scaled_dot_product_attention(
        q, k[:, None], v[:, None], attn_mask=mask, enable_gqa=True
    )
    actual = solution.multi_query_attention(q, k, v, causal=causal)

    torch.testing.assert_close(actual, expected)
    cotangent = torch.randn_like(expected)
    torch.testing.assert_close(
        torch.autograd.grad(actual, [q, k, v], cotangent),
        torch.autograd.grad(expected, [q, k, v], cotangent),
    )
