"""Against transformers' DeepseekV2Attention, whose cache holds the latents and the rope key."""

from pathlib import Path

import pytest
import torch
from transformers import DeepseekV2Config, DynamicCache
from transformers.models.deepseek_v2.modeling_deepseek_v2 import (
    DeepseekV2Attention,
    DeepseekV2RotaryEmbedding,
)

from grader.judge.child.attempt import load_module

# d_model, n_heads, q_lora_rank, kv_lora_rank, d_nope, d_rope, d_v, theta; transformers'
# complex RoPE needs an even kv_lora_rank
SIZES = [
    (24, 3, 10, 6, 6, 4, 5, 10000.0),
    (32, 4, 16, 8, 4, 12, 8, 50.0),
    (16, 1, 40, 4, 8, 2, 3, 10000.0),
]


def randomise(module):
    for parameter in module.parameters():
        noise = torch.randn_like(parameter)
        fan_in = parameter.shape[-1]
        parameter.data = 1 + 0.4 * noise if parameter.dim() == 1 else noise / fan_in**0.5


def queries(module, x, n_heads):
    return module.q_b_proj(module.q_a_layernorm(module.q_a_proj(x))).unflatten(-1, (n_heads, -1))


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("pieces", [(6, 1, 1), (4, 3), (5,)])
def test_transformers(solution, sizes, pieces):
    torch.manual_seed(0)
    d_model, n_heads, q_rank, kv_rank, d_nope, d_rope, d_v, theta = sizes
    config = DeepseekV2Config(
        hidden_size=d_model,
        num_attention_heads=n_heads,
        q_lora_rank=q_rank,
        kv_lora_rank=kv_rank,
        qk_nope_head_dim=d_nope,
        qk_rope_head_dim=d_rope,
        v_head_dim=d_v,
        num_hidden_layers=1,
        rope_parameters={"rope_type": "default", "rope_theta": theta},
        attn_implementation="eager",
    )
    theirs, rotary = DeepseekV2Attention(config, layer_idx=0), DeepseekV2RotaryEmbedding(config)
    randomise(theirs)
    x, cache, start = torch.randn(2, sum(pieces), d_model), DynamicCache(), 0
    for T in pieces:
        piece = x[:, start : start + T]
        mask = torch.full((T, start + T), -torch.inf).triu(start + 1)[None, None]
        positions = torch.arange(start, start + T)[None]
        expected, _ = theirs(
            piece,
            attention_mask=mask,
            past_key_values=cache,
            position_embeddings=rotary(piece, positions),
        )
        start += T
        layer = cache.layers[0]
        actual = solution.absorbed_mla(
            queries(theirs, piece, n_heads),
            layer.keys[:, 0],
            layer.values[:, 0],
            theirs.kv_b_proj.weight,
            theirs.o_proj.weight,
            theta=theta,
        )
        torch.testing.assert_close(actual, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("sizes", SIZES)
def test_the_mla_kata(solution, sizes):
    """In float64, with gradients of the weights that both use."""
    torch.manual_seed(0)
    path = Path(__file__).resolve().parents[3] / "solutions" / "attention" / "mla.py"
    mla = load_module("solution_mla", str(path))
    *widths, theta = sizes
    module = mla.MultiHeadLatentAttention(*widths, theta=theta).double()
    randomise(module)
    x = torch.randn(2, 9, widths[0], dtype=torch.float64)
    _, cache = module(x[:, :6])
    weights = [module.kv_b_proj.weight, module.o_proj.weight]

    expected, (latent, k_rope) = module(x[:, 6:], cache)
    q = queries(module, x[:, 6:], widths[1])
    actual = solution.absorbed_mla(q, latent, k_rope, *weights, theta=theta)

    torch.testing.assert_close(actual, expected)
    cotangent = torch.randn_like(expected)
    torch.testing.assert_close(
        torch.autograd.grad(actual, weights, cotangent),
        torch.autograd.grad(expected, weights, cotangent),
    )
