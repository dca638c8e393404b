"""Against torch with a banded mask, and transformers' Mistral with its own."""

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import MistralConfig
from transformers.masking_utils import create_sliding_window_causal_mask
from transformers.models.mistral.modeling_mistral import MistralAttention

SHAPES = [(1, 1, 1, 1, 4, 4), (2, 3, 9, 14, 8, 5), (2, 2, 17, 17, 16, 16), (1, 2, 1, 30, 3, 8)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("window", [1, 2, 5, 16, 40])
def test_torch(solution, shape, window):
    B, H, T_q, T_k, D, D_v = shape
    torch.manual_seed(0)
    shapes = (B, H, T_q, D), (B, H, T_k, D), (B, H, T_k, D_v)
    inputs = [torch.randn(s, dtype=torch.float64, requires_grad=True) for s in shapes]
    ones = torch.ones(T_q, T_k, dtype=torch.bool)
    band = ones.tril(T_k - T_q).triu(T_k - T_q - window + 1)

    expected = scaled_dot_product_attention(*inputs, attn_mask=band)
    actual = solution.sliding_window_attention(*inputs, window)

    torch.testing.assert_close(actual, expected)
    cotangent = torch.randn_like(expected)
    torch.testing.assert_close(
        torch.autograd.grad(actual, inputs, cotangent),
        torch.autograd.grad(expected, inputs, cotangent),
    )


@pytest.mark.parametrize("window", [1, 3, 20])
def test_mistral(solution, window):
    torch.manual_seed(0)
    B, T, H, D = 2, 11, 2, 4
    config = MistralConfig(
        hidden_size=H * D,
        num_attention_heads=H,
        num_key_value_heads=H,
        head_dim=D,
        num_hidden_layers=1,
        sliding_window=window,
        attn_implementation="eager",
    )
    theirs = MistralAttention(config, layer_idx=0).double()
    x = torch.randn(B, T, H * D, dtype=torch.float64)
    mask = create_sliding_window_causal_mask(
        config, x, attention_mask=None, past_key_values=None, position_ids=torch.arange(T)[None]
    )
    # no rotation: cos 1, sin 0
    flat = torch.ones(1, T, D, dtype=torch.float64), torch.zeros(1, T, D, dtype=torch.float64)

    expected, _ = theirs(x, position_embeddings=flat, attention_mask=mask)
    q, k, v = (
        proj(x).unflatten(-1, (H, D)).transpose(1, 2)
        for proj in (theirs.q_proj, theirs.k_proj, theirs.v_proj)
    )
    out = solution.sliding_window_attention(q, k, v, window)

    actual = theirs.o_proj(out.transpose(1, 2).flatten(2))
    # transformers takes its softmax in float32
    torch.testing.assert_close(actual, expected, rtol=1e-5, atol=1e-6)
