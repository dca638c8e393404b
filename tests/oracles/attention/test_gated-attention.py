"""Against transformers' Qwen3-Next attention, its norms taken out and its rotation by zero."""

import pytest
import torch
from torch import nn
from transformers import Qwen3NextConfig
from transformers.models.qwen3_next.modeling_qwen3_next import Qwen3NextAttention

# B, T, d_model, H, G, D
SIZES = [(2, 5, 12, 6, 2, 4), (1, 1, 8, 4, 4, 2), (3, 9, 10, 4, 1, 6), (2, 4, 16, 1, 1, 8)]


@pytest.mark.parametrize("sizes", SIZES)
def test_qwen3_next(solution, sizes):
    torch.manual_seed(0)
    B, T, d_model, H, G, D = sizes
    config = Qwen3NextConfig(
        hidden_size=d_model,
        num_attention_heads=H,
        num_key_value_heads=G,
        head_dim=D,
        num_hidden_layers=1,
        attn_implementation="eager",
    )
    theirs = Qwen3NextAttention(config, layer_idx=0).double()
    theirs.q_norm, theirs.k_norm = nn.Identity(), nn.Identity()
    ours = solution.GatedAttention(d_model, H, G, D).double()
    for parameter in theirs.parameters():
        parameter.data.normal_()
    # the names are the same
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(B, T, d_model, dtype=torch.float64, requires_grad=True)
    later = torch.full((T, T), -torch.inf, dtype=torch.float64).triu(1)
    flat = torch.ones(1, T, D, dtype=torch.float64), torch.zeros(1, T, D, dtype=torch.float64)

    expected, _ = theirs(x, position_embeddings=flat, attention_mask=later[None, None])
    actual = ours(x)

    # transformers takes its softmax in float32
    torch.testing.assert_close(actual, expected, rtol=1e-5, atol=1e-5)
    cotangent = torch.randn_like(expected)
    names = ("q_proj", "k_proj", "v_proj", "o_proj")
    found = [
        torch.autograd.grad(out, [x, *(getattr(module, name).weight for name in names)], cotangent)
        for out, module in ((actual, ours), (expected, theirs))
    ]
    torch.testing.assert_close(found[0], found[1], rtol=1e-4, atol=1e-4)
