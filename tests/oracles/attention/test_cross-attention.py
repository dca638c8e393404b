"""Against torch.nn.MultiheadAttention with key_padding_mask, outputs and gradients."""

import pytest
import torch
from torch import nn


@pytest.mark.parametrize("sizes", [(2, 5, 7, 12, 10, 3), (1, 1, 4, 8, 3, 8), (3, 9, 2, 16, 24, 1)])
@pytest.mark.parametrize("padded", [False, True])
def test_multihead_attention(solution, sizes, padded):
    torch.manual_seed(0)
    B, T_q, T_k, d_model, d_context, n_heads = sizes
    theirs = nn.MultiheadAttention(
        d_model, n_heads, bias=False, batch_first=True, kdim=d_context, vdim=d_context
    ).double()
    ours = solution.CrossAttention(d_model, d_context, n_heads).double()
    pairs = [
        (ours.q_proj.weight, theirs.q_proj_weight),
        (ours.k_proj.weight, theirs.k_proj_weight),
        (ours.v_proj.weight, theirs.v_proj_weight),
        (ours.o_proj.weight, theirs.out_proj.weight),
    ]
    for mine, other in pairs:
        mine.data = other.data.normal_().clone()
    x = torch.randn(B, T_q, d_model, dtype=torch.float64, requires_grad=True)
    context = torch.randn(B, T_k, d_context, dtype=torch.float64, requires_grad=True)
    mask = None
    if padded:
        mask = torch.rand(B, T_k) < 0.5
        mask[:, 0] = True

    expected, _ = theirs(
        x, context, context, key_padding_mask=None if mask is None else ~mask, need_weights=False
    )
    actual = ours(x, context, context_mask=mask)

    torch.testing.assert_close(actual, expected)
    cotangent = torch.randn_like(expected)
    torch.testing.assert_close(
        torch.autograd.grad(actual, [x, context, *(mine for mine, _ in pairs)], cotangent),
        torch.autograd.grad(expected, [x, context, *(other for _, other in pairs)], cotangent),
    )


def test_padding_of_x(solution):
    torch.manual_seed(0)
    ours = solution.CrossAttention(8, 6, 2).double()
    x, context = torch.randn(2, 4, 8).double(), torch.randn(2, 5, 6).double()
    mask = torch.tensor([[True, False, True, True], [False, False, True, False]])

    expected = ours(x, context) * mask[..., None]
    torch.testing.assert_close(ours(x, context, mask), expected)
