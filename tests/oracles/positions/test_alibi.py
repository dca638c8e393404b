"""Bloom's slopes in transformers, and its attention weights: softmax does not see a shift."""

import pytest
import torch
from transformers.models.bloom.modeling_bloom import build_alibi_tensor


@pytest.mark.parametrize("n_heads", range(1, 41))
def test_slopes_agree_with_bloom(solution, n_heads):
    bias = build_alibi_tensor(torch.ones(1, 2), n_heads, torch.float64)

    # the bias of key 1 less that of key 0
    slopes = (bias[:, 0, 1] - bias[:, 0, 0]).tolist()

    assert solution.alibi_slopes(n_heads) == pytest.approx(slopes, rel=1e-6)


@pytest.mark.parametrize("n_heads", [3, 8, 12])
@pytest.mark.parametrize("T_q", [1, 4, 7])
def test_weights_agree_with_bloom(solution, n_heads, T_q):
    torch.manual_seed(0)
    B, T_k = 2, 7
    scores = torch.randn(B, n_heads, T_q, T_k, dtype=torch.float64)
    bias = build_alibi_tensor(torch.ones(B, T_k), n_heads, torch.float64)
    later = torch.ones(T_q, T_k, dtype=torch.bool).triu(T_k - T_q + 1)
    masked = (scores + bias.view(B, n_heads, 1, T_k)).masked_fill(later, -torch.inf)

    weights = solution.add_alibi(scores).softmax(dim=-1)

    torch.testing.assert_close(weights, masked.softmax(dim=-1), rtol=1e-5, atol=1e-6)


def test_the_papers_slopes(solution):
    assert solution.alibi_slopes(8) == [2.0**-h for h in range(1, 9)]
    assert solution.alibi_slopes(16) == pytest.approx([2 ** (-h / 2) for h in range(1, 17)])
