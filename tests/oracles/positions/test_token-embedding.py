"""torch.nn.Embedding and nn.Linear that share a weight, and a small GPT-2 of transformers."""

import math

import pytest
import torch
from torch import nn
from transformers import GPT2Config, GPT2LMHeadModel


@pytest.mark.parametrize("shape", [(5,), (2, 3)], ids=str)
def test_agrees_with_tied_modules_of_torch(solution, shape):
    torch.manual_seed(0)
    embedding, head = nn.Embedding(9, 4), nn.Linear(4, 9, bias=False)
    head.weight = embedding.weight
    module = solution.TiedEmbedding(9, 4)
    module.load_state_dict(embedding.state_dict())
    tokens = torch.randint(9, shape)

    expected = head((embedding(tokens) * math.sqrt(4)).tanh())
    result = module.logits(module(tokens).tanh())

    torch.testing.assert_close(result, expected)
    cotangent = torch.randn_like(expected)
    torch.testing.assert_close(
        torch.autograd.grad(result, module.weight, cotangent),
        torch.autograd.grad(expected, embedding.weight, cotangent),
    )


def test_agrees_with_gpt2s_head(solution):
    torch.manual_seed(0)
    config = GPT2Config(vocab_size=11, n_positions=9, n_embd=8, n_head=2, n_layer=1)
    model = GPT2LMHeadModel(config).eval()
    module = solution.TiedEmbedding(11, 8)
    module.load_state_dict(model.transformer.wte.state_dict())
    tokens = torch.randint(11, (2, 7))

    # GPT-2 does not scale what it reads
    hidden = model.transformer(inputs_embeds=module(tokens) / math.sqrt(8)).last_hidden_state

    torch.testing.assert_close(module.logits(hidden), model(tokens).logits)


def test_the_loss_before_training_is_as_the_card_says(solution):
    torch.manual_seed(0)
    module = solution.TiedEmbedding(20_000, 128)
    hidden = torch.randn(200, 128)
    losses = nn.functional.cross_entropy(
        module.logits(hidden), torch.randint(20_000, (200,)), reduction="none"
    )

    assert losses.mean().item() == pytest.approx(math.log(20_000) + 0.5, abs=0.3)
