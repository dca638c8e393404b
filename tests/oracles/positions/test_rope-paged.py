"""Against transformers' Llama: its rotation, and the scores of whole sequences."""

import pytest
import torch
from transformers import LlamaConfig
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding, apply_rotary_pos_emb


def llama(theta, D, positions, q, k):
    """(N, heads, D) tokens as one sequence of a batch."""
    config = LlamaConfig(
        hidden_size=4 * D,
        num_attention_heads=4,
        head_dim=D,
        rope_parameters={"rope_type": "default", "rope_theta": theta},
    )
    q, k = (x.transpose(0, 1)[None] for x in (q, k))
    cos, sin = LlamaRotaryEmbedding(config)(q, positions[None])
    return [x[0].transpose(0, 1) for x in apply_rotary_pos_emb(q, k, cos, sin)]


@pytest.mark.parametrize("theta", [10000.0, 500000.0, 50.0])
@pytest.mark.parametrize("D", [2, 10, 64])
def test_llama(solution, theta, D):
    torch.manual_seed(0)
    positions = torch.tensor([0, 1, 2, 40, 3, 4, 17, 90])
    slots = torch.tensor([8, 9, 10, 3, -1, 19, 0, 7])
    q, k = torch.randn(8, 4, D), torch.randn(8, 2, D)
    cache = torch.randn(5, 4, 2, D)
    before = cache.clone()
    # float32 angles of 90 radians
    tolerance = {"rtol": 1e-4, "atol": 1e-4}

    expected_q, expected_k = llama(theta, D, positions, q, k)
    turned = solution.rope_into_pages(q, k, positions, slots, cache, theta=theta)

    torch.testing.assert_close(turned, expected_q, **tolerance)
    for token, slot in enumerate(slots.tolist()):
        if slot >= 0:
            held = cache[slot // 4, slot % 4]
            torch.testing.assert_close(held, expected_k[token], **tolerance)
            before[slot // 4, slot % 4] = held
    assert torch.equal(cache, before)


def test_by_hand(solution):
    # theta=1: every pair turns by 1 radian; (3, 4) has length 5
    q = torch.tensor([[[3.0, 0.0, 4.0, 0.0]]])
    one, cache = torch.tensor([1]), torch.zeros(2, 2, 1, 4)

    turned = solution.rope_into_pages(q, 2 * q, one, torch.tensor([2]), cache, theta=1.0)

    angle = torch.atan2(torch.tensor(4.0), torch.tensor(3.0)) + 1
    expected = torch.stack([5 * angle.cos(), 0 * angle, 5 * angle.sin(), 0 * angle])
    torch.testing.assert_close(turned.flatten(), expected)
    torch.testing.assert_close(cache[1, 0, 0], 2 * expected)
    assert not cache[0].any()
    assert not cache[1, 1].any()
