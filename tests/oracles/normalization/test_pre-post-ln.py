"""torch.nn.TransformerEncoderLayer, with norms before and after its sublayers."""

import math

import pytest
import torch
from torch import nn


class Attention(nn.Module):
    def __init__(self, attention):
        super().__init__()
        self.attention = attention

    def forward(self, x):
        return self.attention(x, x, x, need_weights=False)[0]


def blocks_of(solution, layers, pre_norm):
    """The same weights as residual blocks: two for each encoder layer."""
    sublayers, norms = [], []
    for layer in layers:
        sublayers += [
            Attention(layer.self_attn),
            nn.Sequential(layer.linear1, nn.ReLU(), layer.linear2),
        ]
        norms += [layer.norm1, layer.norm2]
    blocks = solution.ResidualBlocks(sublayers, 8, pre_norm=pre_norm).double()
    for norm, source in zip(blocks.norms, norms, strict=True):
        norm.load_state_dict(source.state_dict())
    return blocks


@pytest.mark.parametrize("pre_norm", [True, False])
def test_agrees_with_encoder_layers(solution, pre_norm):
    torch.manual_seed(0)
    layers = [
        nn.TransformerEncoderLayer(
            8, 2, 16, dropout=0.0, batch_first=True, norm_first=pre_norm, dtype=torch.float64
        )
        for _ in range(3)
    ]
    for layer in layers:
        for norm in (layer.norm1, layer.norm2):
            nn.init.normal_(norm.weight)
            nn.init.normal_(norm.bias)
    blocks = blocks_of(solution, layers, pre_norm)
    x = torch.randn(2, 5, 8, dtype=torch.float64, requires_grad=True)
    grad = torch.randn(2, 5, 8, dtype=torch.float64)

    streams = [x]
    for layer in layers:
        streams.append(layer(streams[-1]))
    expected = streams[-1]
    if pre_norm:
        expected = nn.functional.layer_norm(expected, (8,))
    want = torch.autograd.grad(expected, streams[:-1], grad)

    torch.testing.assert_close(blocks(x), expected)
    # every second block begins an encoder layer
    torch.testing.assert_close(
        blocks.gradient_norms(x, grad)[::2], torch.stack([g.norm() for g in want])
    )


@pytest.mark.parametrize("pre_norm", [True, False])
def test_gradients_shrink_as_the_card_says(solution, pre_norm):
    torch.manual_seed(0)
    D, L = 64, 12
    sublayers = [nn.Linear(D, D, bias=False) for _ in range(L)]
    for sublayer in sublayers:
        nn.init.normal_(sublayer.weight, std=D**-0.5)
    blocks = solution.ResidualBlocks(sublayers, D, pre_norm=pre_norm)
    x, grad = torch.randn(2, 8, 16, D).flatten(1, 2)
    norms = blocks.gradient_norms(x[None], grad[None])

    if pre_norm:
        # the stream has grown to sqrt(1 + L), and the final norm divides by it
        assert norms[-1].item() == pytest.approx(math.sqrt(D * 128 / 13), rel=0.2)
    else:
        # a sum of two of variance 1 is divided by sqrt(2), and so is each of two gradients
        assert norms[0].item() == pytest.approx(norms[-1].item(), rel=0.5)
