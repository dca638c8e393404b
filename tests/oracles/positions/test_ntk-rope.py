"""transformers' Llama with dynamic NTK scaling, whose base follows from the length."""

import pytest
import torch
from transformers import LlamaConfig
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding, apply_rotary_pos_emb


def llama(train_length, length, theta, D, positions, q, k):
    config = LlamaConfig(
        hidden_size=4 * D,
        num_attention_heads=4,
        head_dim=D,
        max_position_embeddings=train_length,
        # with a factor of 1 its base is theta * (length / train_length)^(D / (D - 2))
        rope_parameters={"rope_type": "dynamic", "rope_theta": theta, "factor": 1.0},
    )
    rope = LlamaRotaryEmbedding(config)
    # it takes the length from the largest position that it has seen
    rope(q, torch.tensor([[length - 1]]))
    frequency = rope.inv_freq
    angles = positions[None, :, None].float() * frequency
    emb = torch.cat([angles, angles], dim=-1)
    return apply_rotary_pos_emb(q, k, emb.cos(), emb.sin())


@pytest.mark.parametrize("theta", [10000.0, 50.0])
@pytest.mark.parametrize("D", [4, 10, 64])
@pytest.mark.parametrize(("train_length", "length"), [(8, 16), (16, 40), (2048, 32768)])
@pytest.mark.parametrize("positions", [[0, 1, 2, 3, 4], [40, 3, 3, 17, 90]])
def test_agrees_with_llama(solution, theta, D, train_length, length, positions):
    torch.manual_seed(0)
    positions = torch.tensor(positions)
    q = torch.randn(2, 4, 5, D, requires_grad=True)
    k = torch.randn(2, 2, 5, D, requires_grad=True)
    tolerance = {"rtol": 1e-4, "atol": 1e-4}

    expected = llama(train_length, length, theta, D, positions, q, k)
    actual = tuple(
        solution.ntk_rope(x, positions, train_length=train_length, length=length, theta=theta)
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
    x = torch.tensor([[[[0.0, 3.0, 0.0, 4.0]]]])

    # D=4, s=4: the base is 16, and pair 1 turns by 4 * 16^(-1/2) = 1 radian; (3, 4) has length 5
    y = solution.ntk_rope(x, torch.tensor([4]), train_length=2, length=8, theta=1.0)

    angle = torch.atan2(torch.tensor(4.0), torch.tensor(3.0)) + 1
    expected = torch.stack([0 * angle, 5 * angle.cos(), 0 * angle, 5 * angle.sin()])
    torch.testing.assert_close(y.flatten(), expected)
