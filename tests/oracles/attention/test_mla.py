"""Against transformers' DeepseekV2Attention with random weights, with and without a cache."""

import pytest
import torch
from transformers import DeepseekV2Config, DynamicCache
from transformers.models.deepseek_v2.modeling_deepseek_v2 import (
    DeepseekV2Attention,
    DeepseekV2RotaryEmbedding,
)

# d_model, n_heads, q_lora_rank, kv_lora_rank, d_nope, d_rope, d_v, theta; transformers'
# complex RoPE needs an even kv_lora_rank
SIZES = [
    (24, 3, 10, 6, 6, 4, 5, 10000.0),
    (32, 4, 16, 8, 4, 12, 8, 50.0),
    (16, 1, 40, 4, 8, 2, 3, 10000.0),
]


def make(solution, d_model, n_heads, q_rank, kv_rank, d_nope, d_rope, d_v, theta):
    """Theirs and ours with the same weights, in float32: there parts are float32 always."""
    torch.manual_seed(0)
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
    theirs = DeepseekV2Attention(config, layer_idx=0)
    for parameter in theirs.parameters():
        noise = torch.randn_like(parameter)
        fan_in = parameter.shape[-1]
        parameter.data = 1 + 0.4 * noise if parameter.dim() == 1 else noise / fan_in**0.5
    ours = solution.MultiHeadLatentAttention(
        d_model, n_heads, q_rank, kv_rank, d_nope, d_rope, d_v, theta=theta
    )
    # strict: names and shapes are the same
    ours.load_state_dict(theirs.state_dict())
    return theirs, DeepseekV2RotaryEmbedding(config), ours


def call(theirs, rotary, x, start=0, cache=None):
    T = x.shape[1]
    positions = torch.arange(start, start + T)[None]
    mask = torch.full((T, start + T), -torch.inf).triu(start + 1)[None, None]
    return theirs(
        x, attention_mask=mask, past_key_values=cache, position_embeddings=rotary(x, positions)
    )[0]


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("T", [1, 9])
def test_outputs_and_gradients(solution, sizes, T):
    theirs, rotary, ours = make(solution, *sizes)
    x = torch.randn(2, T, sizes[0], requires_grad=True)
    cotangent = torch.randn_like(x)

    expected = call(theirs, rotary, x)
    actual, _ = ours(x)

    torch.testing.assert_close(actual, expected, rtol=1e-5, atol=1e-5)
    names = [name for name, _ in theirs.named_parameters()]
    found = [
        torch.autograd.grad(
            out, [x, *(dict(module.named_parameters())[name] for name in names)], cotangent
        )
        for out, module in ((actual, ours), (expected, theirs))
    ]
    torch.testing.assert_close(found[0], found[1], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("sizes", SIZES)
def test_decoding_with_a_cache(solution, sizes):
    theirs, rotary, ours = make(solution, *sizes)
    x = torch.randn(2, 9, sizes[0])
    their_cache, our_cache = DynamicCache(), None

    for start, end in ((0, 4), (4, 5), (5, 9)):
        expected = call(theirs, rotary, x[:, start:end], start, their_cache)
        actual, our_cache = ours(x[:, start:end], our_cache)
        torch.testing.assert_close(actual, expected, rtol=1e-5, atol=1e-5)

    # both cache the normalised latent and the rotated key
    layer = their_cache.layers[0]
    torch.testing.assert_close(our_cache[0], layer.keys[:, 0], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(our_cache[1], layer.values[:, 0], rtol=1e-5, atol=1e-5)
