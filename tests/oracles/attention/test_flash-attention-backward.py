"""Against torch's autograd through its attention, and the backward of torch's flash kernel."""

import pytest
import torch
from torch.nn.attention.bias import causal_lower_right
from torch.nn.functional import scaled_dot_product_attention

SHAPES = [(1, 1, 1, 1, 4, 4), (2, 3, 9, 14, 8, 5), (2, 2, 17, 17, 16, 16), (1, 2, 1, 30, 3, 8)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("blocks", [(64, 64), (4, 4), (3, 5), (1, 2)])
def test_autograd(solution, shape, causal, blocks):
    B, H, T_q, T_k, D, D_v = shape
    torch.manual_seed(0)
    shapes = (B, H, T_q, D), (B, H, T_k, D), (B, H, T_k, D_v)
    leaves = [torch.randn(s, dtype=torch.float64, requires_grad=True) for s in shapes]
    grad_out = torch.randn(B, H, T_q, D_v, dtype=torch.float64)
    mask = causal_lower_right(T_q, T_k) if causal else None

    out = scaled_dot_product_attention(*leaves, attn_mask=mask)
    expected = torch.autograd.grad(out, leaves, grad_out)
    q, k, v = (leaf.detach() for leaf in leaves)
    scores = q @ k.mT / D**0.5
    if causal:
        scores = scores.masked_fill(torch.ones(T_q, T_k).triu(T_k - T_q + 1).bool(), -torch.inf)
    actual = solution.flash_attention_backward(
        *(grad_out, q, k, v, out.detach(), scores.logsumexp(-1)),
        causal=causal,
        block_q=blocks[0],
        block_k=blocks[1],
    )

    torch.testing.assert_close(actual, expected)


@pytest.mark.parametrize("causal", [False, True])
def test_torchs_flash_kernel(solution, causal):
    torch.manual_seed(0)
    grad_out, q, k, v = torch.randn(4, 2, 3, 33, 16, dtype=torch.float64)
    aten = torch.ops.aten
    out, lse = aten._scaled_dot_product_flash_attention_for_cpu(q, k, v, is_causal=causal)

    expected = aten._scaled_dot_product_flash_attention_for_cpu_backward(
        grad_out, q, k, v, out, lse, 0.0, causal
    )
    actual = solution.flash_attention_backward(
        grad_out, q, k, v, out, lse, causal=causal, block_q=8, block_k=7
    )

    torch.testing.assert_close(actual, tuple(expected))
