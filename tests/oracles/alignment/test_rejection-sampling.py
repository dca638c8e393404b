"""The RFT authors' own rules on GSM8K-like texts; losses by transformers."""

import random
import re

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM


def check_equation(text):
    """As in the authors' collect_rejection_sampling.py."""
    left, _, right = text.partition("=")
    try:
        # texts are made below
        return abs(float(eval(left)) - float(right)) < 1e-3
    except (SyntaxError, ValueError, ZeroDivisionError):
        return False


def equations(response):
    return "|".join(re.findall(r"<<([^>]*)>>", response)).replace(" ", "")


def verify(prompt, response):
    answer = re.search(r"#### (-?[0-9.,]+)", response)
    if not answer or float(answer.group(1).replace(",", "")) != eval(prompt):
        return False
    return all(map(check_equation, re.findall(r"<<([^>]*)>>", response)))


def make_response(a, b, c, draw):
    """One of several ways to add three numbers, some of them wrong."""
    first = draw.choice(
        [f"<<{a}+{b}={a + b}>>", f"<<{b} + {a}={a + b}>>", f"<<{a}+{b}={a + b + 1}>>"]
    )
    second = draw.choice([f"<<{a + b}+{c}={a + b + c}>>", f"<<{c}+{a + b}={a + b + c}>>", ""])
    words = draw.choice(["So", "Then we see that"])
    answer = draw.choice([a + b + c] * 3 + [a + b])
    return f"{words} {first} and {second}\n#### {answer:,}"


@pytest.mark.parametrize("seed", range(5))
def test_paths_are_those_that_the_authors_keep(solution, seed):
    draw = random.Random(seed)
    problems = [tuple(draw.randint(1, 900) for _ in range(3)) for _ in range(8)]
    prompts = [f"{a}+{b}+{c}" for a, b, c in problems]
    sampled = {}

    def sample(prompt, k):
        numbers = [int(x) for x in prompt.split("+")]
        sampled[prompt] = [make_response(*numbers, draw) for _ in range(k)]
        return sampled[prompt]

    examples, pass_rates = solution.collect(prompts, sample, verify, equations, k=30, per_prompt=99)

    for i, prompt in enumerate(prompts):
        # their loop: the first correct response of each list of equations opens a class
        exist_match, correct = [], 0
        for response in sampled[prompt]:
            if verify(prompt, response):
                correct += 1
                if equations(response) not in exist_match:
                    exist_match.append(equations(response))
        kept = [response for j, response in examples if j == i]
        assert [equations(response) for response in kept] == exist_match
        assert pass_rates[i] == correct / 30
        for response in kept:
            rivals = [
                r
                for r in sampled[prompt]
                if verify(prompt, r) and equations(r) == equations(response)
            ]
            assert len(response) == min(map(len, rivals))


def test_loss_and_gradients_match_transformers(solution):
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=40,
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
    )
    model = LlamaForCausalLM(config).double()
    weights = list(model.parameters())
    input_ids = torch.randint(40, (5, 9))
    response_mask = torch.arange(9) >= torch.tensor([[2], [5], [1], [7], [3]])
    response_mask &= torch.arange(9) < torch.tensor([[9], [7], [8], [9], [5]])
    index = torch.tensor([4, 1, 4, 4, 1])
    labels = input_ids.masked_fill(~response_mask, -100)
    # the model's own loss is the mean over the labels of one row, in float32
    rows = [model(input_ids=input_ids[b : b + 1], labels=labels[b : b + 1]).loss for b in range(5)]
    expected = ((rows[0] + rows[2] + rows[3]) / 3 + (rows[1] + rows[4]) / 2) / 2

    got = solution.rft_loss(model(input_ids=input_ids).logits, input_ids, response_mask, index)

    torch.testing.assert_close(got.float(), expected.float(), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(
        torch.autograd.grad(got, weights),
        torch.autograd.grad(expected, weights),
        rtol=1e-4,
        atol=1e-6,
    )
