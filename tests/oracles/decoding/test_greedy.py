"""Against transformers' generate, with a small GPT-2 of random weights."""

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel


@pytest.fixture(scope="module")
def gpt2():
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=12,
        n_positions=64,
        n_embd=32,
        n_layer=2,
        n_head=4,
        initializer_range=0.5,
        bos_token_id=None,
        eos_token_id=None,
    )
    # float64, so that a cache and a full pass round to the same argmax
    return GPT2LMHeadModel(config).double().eval()


@pytest.mark.parametrize("eos", [None, 0, 3, 7])
@pytest.mark.parametrize(("B", "T"), [(1, 1), (4, 6)])
def test_decodes_as_transformers_does(solution, gpt2, eos, B, T):
    torch.manual_seed(T)
    for _ in range(2):
        prompt = torch.randint(12, (B, T))
        expected = gpt2.generate(
            prompt,
            attention_mask=torch.ones_like(prompt),
            do_sample=False,
            max_new_tokens=12,
            eos_token_id=eos,
            pad_token_id=11,
        )

        actual = solution.greedy_decode(
            lambda tokens: gpt2(tokens).logits, prompt, max_new_tokens=12, eos=eos, pad=11
        )

        torch.testing.assert_close(actual, expected)


def test_by_hand(solution):
    # the next token is 2t + 1 modulo 7: 1 3 0 1 3 0, and 2 5 4 2 5 4
    def model(tokens):
        return torch.nn.functional.one_hot((2 * tokens + 1) % 7, 7).float()

    prompt = torch.tensor([[1], [2]])

    assert solution.greedy_decode(model, prompt, max_new_tokens=4, eos=0, pad=6).tolist() == [
        [1, 3, 0, 6, 6],
        [2, 5, 4, 2, 5],
    ]
