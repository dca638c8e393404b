"""torch.nn.Embedding, and GPT-2's wpe in transformers."""

import pytest
import torch
from torch import nn
from transformers import GPT2Config, GPT2Model


@pytest.mark.parametrize("start", [0, 3])
def test_agrees_with_an_embedding(solution, start):
    torch.manual_seed(0)
    embedding = nn.Embedding(9, 4)
    module = solution.LearnedPositions(9, 4)
    module.load_state_dict(embedding.state_dict())
    x = torch.randn(2, 5, 4)
    expected = x + embedding(torch.arange(start, start + 5))

    result = module(x, start=start)

    torch.testing.assert_close(result, expected)
    cotangent = torch.randn_like(x)
    torch.testing.assert_close(
        torch.autograd.grad(result, module.weight, cotangent),
        torch.autograd.grad(expected, embedding.weight, cotangent),
    )


def test_agrees_with_gpt2(solution):
    torch.manual_seed(0)
    config = GPT2Config(vocab_size=11, n_positions=9, n_embd=8, n_head=2, n_layer=0)
    model = GPT2Model(config).eval()
    model.ln_f = nn.Identity()
    module = solution.LearnedPositions(9, 8)
    module.load_state_dict(model.wpe.state_dict())
    tokens = torch.randint(11, (2, 7))

    expected = model(tokens).last_hidden_state

    torch.testing.assert_close(module(model.wte(tokens)), expected)
