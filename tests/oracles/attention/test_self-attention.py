"""Against torch.nn.MultiheadAttention with one head, outputs, weights and gradients."""

import pytest
import torch
from torch import nn


@pytest.mark.parametrize(("B", "T", "D"), [(2, 5, 8), (1, 1, 4), (3, 9, 6)])
@pytest.mark.parametrize("causal", [False, True])
def test_multihead_attention(solution, B, T, D, causal):
    torch.manual_seed(0)
    theirs = nn.MultiheadAttention(D, 1, bias=False, batch_first=True).double()
    theirs.out_proj.weight.data = torch.eye(D, dtype=torch.float64)
    theirs.in_proj_weight.data.normal_()
    x = torch.randn(B, T, D, dtype=torch.float64, requires_grad=True)
    packed = theirs.in_proj_weight
    # nn.Linear's layout is (out, in)
    weights = [w.T for w in packed.chunk(3)]
    later = torch.ones(T, T, dtype=torch.bool).triu(1) if causal else None

    expected = theirs(x, x, x, attn_mask=later)
    actual = solution.self_attention(x, *weights, causal=causal)

    torch.testing.assert_close(actual, expected)
    cotangents = [torch.randn_like(part) for part in expected]
    torch.testing.assert_close(
        torch.autograd.grad(actual, [x, packed], cotangents),
        torch.autograd.grad(expected, [x, packed], cotangents),
    )


def test_value_width_of_its_own(solution):
    torch.manual_seed(0)
    x = torch.randn(2, 4, 6, dtype=torch.float64)
    w_q, w_k = torch.randn(2, 6, 3, dtype=torch.float64)
    w_v = torch.randn(6, 5, dtype=torch.float64)

    expected = nn.functional.scaled_dot_product_attention(x @ w_q, x @ w_k, x @ w_v)
    torch.testing.assert_close(solution.self_attention(x, w_q, w_k, w_v)[0], expected)
