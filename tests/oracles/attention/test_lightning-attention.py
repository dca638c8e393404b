"""Against transformers' MiniMax, its norm, gate and projection out taken away."""

import pytest
import torch
from torch import nn
from transformers import MiniMaxConfig
from transformers.models.minimax.modeling_minimax import MiniMaxCache, MiniMaxLightningAttention


def make(H, D, block_size, layer, n_layers):
    torch.manual_seed(0)
    config = MiniMaxConfig(
        hidden_size=H * D,
        num_attention_heads=H,
        head_dim=D,
        block_size=block_size,
        num_hidden_layers=n_layers,
        layer_types=["linear_attention"] * n_layers,
    )
    theirs = MiniMaxLightningAttention(config, layer_idx=layer).double()
    theirs.norm, theirs.out_proj = nn.Identity(), nn.Identity()
    # its tables were made in float32
    tables = theirs.decay_factors(theirs.slope_rate)
    theirs.query_decay, theirs.key_decay, theirs.diagonal_decay = tables
    # sigmoid(0) = 1/2
    theirs.output_gate.weight.data.zero_()
    theirs.qkv_proj.weight.data.normal_()
    return theirs


def attend(theirs, x, cache=None):
    out, state = theirs(x, None, None, past_key_values=cache)
    return (out * 2).unflatten(-1, (theirs.num_attention_heads, -1)).transpose(1, 2), state


def qkv(theirs, x):
    parts = theirs.act_fn(theirs.qkv_proj(x)).unflatten(-1, (theirs.num_attention_heads, -1))
    return (part.transpose(1, 2) for part in parts.chunk(3, dim=-1))


# B, T, H, D, block_size, layer, layers
CASES = [
    (2, 11, 4, 6, 4, 0, 2),
    (1, 1, 2, 8, 4, 1, 3),
    (3, 16, 3, 4, 8, 1, 4),
    (2, 9, 1, 8, 64, 0, 1),
]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("block_size", [1, 4, 5, 64])
def test_minimax(solution, case, block_size):
    B, T, H, D, their_block, layer, n_layers = case
    theirs = make(H, D, their_block, layer, n_layers)
    x = torch.randn(B, T, H * D, dtype=torch.float64, requires_grad=True)

    expected = attend(theirs, x)
    slope = theirs.slope_rate.flatten()
    actual = solution.lightning_attention(*qkv(theirs, x), slope, block_size=block_size)

    torch.testing.assert_close(actual, expected)
    cotangents = [torch.randn_like(part) for part in expected]
    inputs = [x, theirs.qkv_proj.weight]
    torch.testing.assert_close(
        torch.autograd.grad(actual, inputs, cotangents),
        torch.autograd.grad(expected, inputs, cotangents),
    )


def test_minimax_with_its_cache(solution):
    theirs = make(4, 6, 4, 0, 2)
    x, cache, state = torch.randn(2, 12, 24, dtype=torch.float64), MiniMaxCache(), None
    slope = theirs.slope_rate.flatten()

    for start, end in ((0, 7), (7, 8), (8, 12)):
        piece = x[:, start:end]
        expected = attend(theirs, piece, cache)
        out, state = solution.lightning_attention(
            *qkv(theirs, piece), slope, block_size=4, state=state
        )
        torch.testing.assert_close((out, state), expected)
