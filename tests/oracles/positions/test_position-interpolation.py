"""transformers' Llama with linear RoPE scaling."""

import pytest
import torch
from transformers import LlamaConfig
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding, apply_rotary_pos_emb


def llama(factor, theta, D, positions, q, k):
    config = LlamaConfig(
        hidden_size=4 * D,
        num_attention_heads=4,
        head_dim=D,
        rope_parameters={"rope_type": "linear", "rope_theta": theta, "factor": factor},
    )
    cos, sin = LlamaRotaryEmbedding(config)(q, positions[None])
    return apply_rotary_pos_emb(q, k, cos, sin)


@pytest.mark.parametrize("theta", [10000.0, 50.0])
@pytest.mark.parametrize("D", [2, 10, 64])
@pytest.mark.parametrize(("train_length", "length"), [(8, 16), (16, 40), (2048, 32768)])
@pytest.mark.parametrize("positions", [[0, 1, 2, 3, 4], [40, 3, 3, 17, 90]])
def test_agrees_with_llama(solution, theta, D, train_length, length, positions):
    torch.manual_seed(0)
    positions = torch.tensor(positions)
    q = torch.randn(2, 4, 5, D, requires_grad=True)
    k = torch.randn(2, 2, 5, D, requires_grad=True)
    tolerance = {"rtol": 1e-4, "atol": 1e-4}

    expected = llama(length / train_length, theta, D, positions, q, k)
    actual = tuple(
        solution.interpolated_rope(
            x, positions, train_length=train_length, length=length, theta=theta
        )
        for x in (q, k)
    )

    torch.testing.assert_close(actual, expected, **tolerance)
    cotangents = [torch.randn_like(x) for x in expected]
    torch.testing.assert_close(
        torch.autograd.grad(actual, (q, k), cotangents),
        torch.autograd.grad(expected, (q, k), cotangents),
        **tolerance,
    )


def test_by_hand(solution):
    x = torch.tensor([[[[3.0, 0.0, 4.0, 0.0]]]])

    # theta=1: every pair turns by 6 * 4 / 24 = 1 radian; (3, 4) has length 5
    y = solution.interpolated_rope(x, torch.tensor([6]), train_length=4, length=24, theta=1.0)

    angle = torch.atan2(torch.tensor(4.0), torch.tensor(3.0)) + 1
    expected = torch.stack([5 * angle.cos(), 0 * angle, 5 * angle.sin(), 0 * angle])
    torch.testing.assert_close(y.flatten(), expected)
