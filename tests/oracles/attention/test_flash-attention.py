"""Against torch's scaled_dot_product_attention, and the log-sum-exp of torch's flash kernel."""

import pytest
import torch
from torch.nn.attention.bias import causal_lower_right
from torch.nn.functional import scaled_dot_product_attention

SHAPES = [(1, 1, 1, 1, 4, 4), (2, 3, 9, 14, 8, 5), (2, 2, 17, 17, 16, 16), (1, 2, 1, 30, 3, 8)]


def inputs(B, H, T_q, T_k, D, D_v):
    torch.manual_seed(0)
    shapes = (B, H, T_q, D), (B, H, T_k, D), (B, H, T_k, D_v)
    return [torch.randn(shape, dtype=torch.float64) for shape in shapes]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("blocks", [(64, 64), (4, 4), (3, 5), (1, 2)])
def test_torch(solution, shape, causal, blocks):
    q, k, v = inputs(*shape)
    mask = causal_lower_right(*shape[2:4]) if causal else None

    expected = scaled_dot_product_attention(q, k, v, attn_mask=mask)
    out, lse = solution.flash_attention(
        q, k, v, causal=causal, block_q=blocks[0], block_k=blocks[1]
    )

    torch.testing.assert_close(out, expected)
    scores = q @ k.mT / shape[4] ** 0.5
    if causal:
        later = torch.ones(shape[2:4]).triu(shape[3] - shape[2] + 1).bool()
        scores = scores.masked_fill(later, -torch.inf)
    torch.testing.assert_close(lse, scores.logsumexp(-1))


@pytest.mark.parametrize("causal", [False, True])
def test_torchs_flash_kernel(solution, causal):
    q, k, v = inputs(2, 3, 33, 33, 16, 16)

    expected = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(q, k, v, is_causal=causal)
    actual = solution.flash_attention(q, k, v, causal=causal, block_q=8, block_k=7)

    torch.testing.assert_close(actual, expected)
