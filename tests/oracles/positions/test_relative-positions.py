"""Against T5's own attention in transformers, and Shaw's formula worked by hand."""

import pytest
import torch
from transformers import T5Config
from transformers.models.t5.modeling_t5 import T5Attention


@pytest.mark.parametrize("decoder", [False, True])
@pytest.mark.parametrize(("buckets", "max_distance"), [(32, 128), (32, 90), (8, 20), (12, 300)])
@pytest.mark.parametrize(("T_q", "T_k"), [(40, 40), (200, 200), (1, 70), (5, 31)])
def test_t5_bias(solution, decoder, buckets, max_distance, T_q, T_k):
    torch.manual_seed(0)
    config = T5Config(
        d_model=32,
        num_heads=4,
        d_kv=8,
        relative_attention_num_buckets=buckets,
        relative_attention_max_distance=max_distance,
        is_decoder=decoder,
    )
    # gradients are sums over up to 40,000 pairs
    attention = T5Attention(config, has_relative_attention_bias=True).double()
    weight = attention.relative_attention_bias.weight
    expected = attention.compute_bias(T_q, T_k, past_seen_tokens=T_k - T_q)[0]

    actual = solution.t5_bias(
        weight, T_q, T_k, bidirectional=not decoder, max_distance=max_distance
    )

    torch.testing.assert_close(actual, expected)
    cotangent = torch.randn_like(expected)
    torch.testing.assert_close(
        torch.autograd.grad(actual, weight, cotangent),
        torch.autograd.grad(expected, weight, cotangent),
    )


def test_shaw_by_hand(solution):
    # D=1 and R=1; the rows for before, at and after are 10, 20 and 30
    q = torch.tensor([1.0, 2.0, 3.0]).view(1, 1, 3, 1)
    k = torch.tensor([1.0, 0.0, 2.0]).view(1, 1, 3, 1)
    table = torch.tensor([[10.0], [20.0], [30.0]])

    assert solution.shaw_scores(q, k, table)[0, 0].tolist() == [
        [21.0, 30.0, 32.0],
        [22.0, 40.0, 64.0],
        [33.0, 30.0, 66.0],
    ]
