"""Against torch.nn.MultiheadAttention with the same weights, outputs and gradients."""

import pytest
import torch
from torch import nn


@pytest.mark.parametrize("sizes", [(2, 5, 12, 3), (1, 1, 8, 8), (3, 9, 16, 1)])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("causal", [False, True])
def test_multihead_attention(solution, sizes, bias, causal):
    torch.manual_seed(0)
    B, T, d_model, n_heads = sizes
    theirs = nn.MultiheadAttention(d_model, n_heads, bias=bias, batch_first=True).double()
    for parameter in theirs.parameters():
        parameter.data.normal_()
    ours = solution.MultiHeadAttention(d_model, n_heads, bias=bias).double()
    kinds = ("weight", "bias") if bias else ("weight",)
    for kind in kinds:
        packed = getattr(theirs, f"in_proj_{kind}")
        for name, part in zip("qkv", packed.detach().chunk(3), strict=True):
            getattr(getattr(ours, f"{name}_proj"), kind).data = part
        getattr(ours.o_proj, kind).data = getattr(theirs.out_proj, kind).detach()
    x = torch.randn(B, T, d_model, dtype=torch.float64, requires_grad=True)
    later = torch.ones(T, T, dtype=torch.bool).triu(1) if causal else None

    expected = theirs(x, x, x, attn_mask=later, need_weights=False)[0]
    actual = ours(x, causal=causal)

    torch.testing.assert_close(actual, expected)
    cotangent = torch.randn_like(expected)
    actual.backward(cotangent)
    ours_x, x.grad = x.grad, None
    expected.backward(cotangent)
    torch.testing.assert_close(ours_x, x.grad)
    for kind in kinds:
        grads = [getattr(getattr(ours, f"{name}_proj"), kind).grad for name in "qkv"]
        torch.testing.assert_close(torch.cat(grads), getattr(theirs, f"in_proj_{kind}").grad)
        torch.testing.assert_close(
            getattr(ours.o_proj, kind).grad, getattr(theirs.out_proj, kind).grad
        )
