"""Against transformers' YaRN: frequencies, attention factor, and Llama's rotation with them."""

import pytest
import torch
from transformers import LlamaConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding, apply_rotary_pos_emb


def make_config(D, theta, factor, length, betas):
    rope = {
        "rope_type": "yarn",
        "rope_theta": theta,
        "factor": factor,
        "original_max_position_embeddings": length,
    }
    if betas:
        rope |= {"beta_fast": betas[0], "beta_slow": betas[1]}
    return LlamaConfig(
        hidden_size=2 * D,
        num_attention_heads=2,
        head_dim=D,
        max_position_embeddings=int(length * factor),
        rope_parameters=rope,
    )


CASES = [
    (128, 10000.0, 16.0, 4096, None),
    (128, 1e6, 4.0, 32768, None),
    (64, 10000.0, 2.5, 2048, (40.0, 2.0)),
    (16, 10000.0, 8.0, 64, None),
    (8, 10.0, 5.0, 4096, (300.0, 1.0)),
]


@pytest.mark.parametrize(("D", "theta", "factor", "length", "betas"), CASES)
def test_frequencies(solution, D, theta, factor, length, betas):
    config = make_config(D, theta, factor, length, betas)
    expected, m = ROPE_INIT_FUNCTIONS["yarn"](config, torch.device("cpu"))
    kwargs = dict(zip(("beta_fast", "beta_slow"), betas or (), strict=False))

    frequencies, attention_factor = solution.yarn_frequencies(
        D, theta=theta, factor=factor, original_length=length, **kwargs
    )

    torch.testing.assert_close(frequencies.float(), expected, rtol=1e-5, atol=1e-9)
    assert attention_factor == pytest.approx(m, rel=1e-12)


@pytest.mark.parametrize(("D", "theta", "factor", "length", "betas"), CASES)
def test_llama_rotation(solution, D, theta, factor, length, betas):
    torch.manual_seed(0)
    config = make_config(D, theta, factor, length, betas)
    positions = torch.tensor([0, 3, 50, 17])
    q = torch.randn(2, 3, 4, D, requires_grad=True)
    k = torch.randn(2, 1, 4, D, requires_grad=True)
    cos, sin = LlamaRotaryEmbedding(config)(q, positions[None])
    expected = apply_rotary_pos_emb(q, k, cos, sin)
    kwargs = dict(zip(("beta_fast", "beta_slow"), betas or (), strict=False))

    actual = tuple(
        solution.apply_yarn(
            x, positions, theta=theta, factor=factor, original_length=length, **kwargs
        )
        for x in (q, k)
    )

    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-4)
    cotangents = [torch.randn_like(x) for x in expected]
    torch.testing.assert_close(
        torch.autograd.grad(actual, (q, k), cotangents),
        torch.autograd.grad(expected, (q, k), cotangents),
        rtol=1e-4,
        atol=1e-4,
    )
