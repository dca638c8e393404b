"""Against torch.autograd through torch.nn.MultiheadAttention."""

import pytest
import torch
from torch import nn


@pytest.mark.parametrize("sizes", [(2, 5, 12, 3), (1, 1, 8, 8), (3, 9, 16, 1), (2, 4, 6, 2)])
@pytest.mark.parametrize("causal", [False, True])
def test_multihead_attention(solution, sizes, causal):
    torch.manual_seed(0)
    B, T, d_model, n_heads = sizes
    theirs = nn.MultiheadAttention(d_model, n_heads, bias=False, batch_first=True).double()
    for parameter in theirs.parameters():
        parameter.data.normal_()
    x = torch.randn(B, T, d_model, dtype=torch.float64, requires_grad=True)
    grad_out = torch.randn(B, T, d_model, dtype=torch.float64)
    later = torch.ones(T, T, dtype=torch.bool).triu(1) if causal else None

    theirs(x, x, x, attn_mask=later, need_weights=False)[0].backward(grad_out)
    weights = [*theirs.in_proj_weight.detach().chunk(3), theirs.out_proj.weight.detach()]
    actual = solution.mha_backward(grad_out, x.detach(), *weights, n_heads, causal=causal)

    expected = x.grad, *theirs.in_proj_weight.grad.chunk(3), theirs.out_proj.weight.grad
    torch.testing.assert_close(actual, expected)
