"""Values are compared in float64, where only logic, not rounding, can differ."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from grader.testing import assert_close, assert_equal, assert_same_gradients


def build(attempt, table):
    """A module with this table."""
    module = attempt.TiedEmbedding(*table.shape).to(table.dtype)
    shapes = {name: tuple(parameter.shape) for name, parameter in module.named_parameters()}
    assert_equal(shapes, {"weight": tuple(table.shape)}, label="the parameters")
    module.load_state_dict({"weight": table}, strict=False)
    return module


def draw(V=11, D=6, dtype=torch.float64):
    return torch.randn(V, D, dtype=dtype)


class ByTorch(nn.Module):
    def __init__(self, table):
        super().__init__()
        self.weight = nn.Parameter(table.clone())

    def forward(self, tokens):
        return F.embedding(tokens, self.weight) * math.sqrt(self.weight.shape[1])


class Head(nn.Module):
    """The head alone, with the gradients of hidden and of the table."""

    def __init__(self, of):
        super().__init__()
        self.weight = of.weight
        self.call = of.logits if hasattr(of, "logits") else lambda x: F.linear(x, of.weight)

    def forward(self, hidden):
        return self.call(hidden)


@pytest.mark.parametrize(
    "shape", [(7,), (2, 5), (2, 3, 4), ()], ids=["sequence", "batch", "three-axes", "one-token"]
)
def test_each_token_gets_its_row_times_the_scale(attempt, shape):
    table, tokens = draw(), torch.randint(11, shape)
    expected = ByTorch(table)(tokens).detach()

    assert_close(build(attempt, table)(tokens), expected)


def test_matches_a_case_worked_out_by_hand(attempt):
    table = torch.tensor([[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]])
    expected = torch.tensor([[10.0, 12.0, 14.0, 16.0], [2.0, 4.0, 6.0, 8.0]])

    assert_close(build(attempt, table)(torch.tensor([1, 0])), expected)


def test_the_first_and_the_last_token_can_be_read(attempt):
    table, tokens = draw(), torch.tensor([[0, 10]])
    expected = ByTorch(table)(tokens).detach()

    assert_close(build(attempt, table)(tokens), expected)


@pytest.mark.parametrize("shape", [(6,), (5, 6), (2, 3, 6)], ids=["one-vector", "vectors", "batch"])
def test_logits_are_products_with_every_row(attempt, shape):
    table, hidden = draw(), torch.randn(shape, dtype=torch.float64)
    expected = F.linear(hidden, table)

    assert_close(build(attempt, table).logits(hidden), expected)


def test_logits_of_a_square_table_use_rows(attempt):
    table, hidden = draw(6, 6), torch.randn(2, 3, 6, dtype=torch.float64)
    expected = F.linear(hidden, table)

    assert_close(build(attempt, table).logits(hidden), expected)


def test_logits_accept_transposed_vectors(attempt):
    table, hidden = draw(), torch.randn(2, 6, 3, dtype=torch.float64).transpose(1, 2)
    expected = F.linear(hidden, table)

    assert_close(build(attempt, table).logits(hidden), expected)


def test_there_is_one_parameter(attempt):
    module = attempt.TiedEmbedding(11, 6)
    shapes = {name: tuple(parameter.shape) for name, parameter in module.named_parameters()}

    assert_equal(shapes, {"weight": (11, 6)}, label="the parameters")


def test_the_table_is_drawn_by_its_width(attempt):
    weight = attempt.TiedEmbedding(500, 64).weight.detach()
    mean, deviation = weight.mean().item(), weight.double().std().item()

    assert weight.dtype == torch.float32
    why = "seven standard errors of 32,000 draws"
    assert_close(mean, 0.0, rtol=0.0, atol=0.005, why=why, label="the mean")
    assert_close(deviation, 0.125, rtol=0.03, atol=0.0, why=why, label="the standard deviation")


def test_the_table_is_drawn_from_a_normal_distribution(attempt):
    weight = attempt.TiedEmbedding(500, 64).weight.detach()
    far = (weight.abs() > 0.25).double().mean().item()

    # beyond two standard deviations; of a uniform distribution nothing is
    why = "seven standard errors of 32,000 draws"
    assert_close(far, 0.0455, rtol=0.0, atol=0.0082, why=why, label="the share above 0.25 in size")


def test_two_tables_are_drawn_apart(attempt):
    first, second = (attempt.TiedEmbedding(9, 4).weight for _ in range(2))

    assert not torch.equal(first, second), "two modules start with the same table"


@pytest.mark.parametrize("token", [-1, -100, 11, 500], ids="token {}".format)
def test_rejects_tokens_outside_the_vocabulary(attempt, token):
    module, tokens = build(attempt, draw()), torch.randint(11, (2, 5))
    tokens[1, 2] = token

    with pytest.raises(ValueError):
        module(tokens)


@pytest.mark.parametrize("shape", [(0,), (2, 0)], ids=["sequence", "batch"])
def test_no_tokens_give_an_empty_result(attempt, shape):
    result = build(attempt, draw())(torch.zeros(shape, dtype=torch.int64))

    assert tuple(result.shape) == (*shape, 6)


def test_gradients_of_the_input_match_torch(attempt):
    table, tokens = draw(), torch.tensor([[3, 3, 0, 10], [3, 7, 7, 1]])

    assert_same_gradients(build(attempt, table), ByTorch(table), tokens)


def test_gradients_of_the_logits_match_torch(attempt):
    table, hidden = draw(), torch.randn(2, 3, 6, dtype=torch.float64)

    actual, expected = Head(build(attempt, table)), Head(ByTorch(table))
    assert_same_gradients(actual, expected, hidden, names=("hidden",))


def test_both_ends_train_the_table(attempt):
    table, tokens = draw(), torch.tensor([[3, 3, 0, 10], [3, 7, 7, 1]])

    class Both(nn.Module):
        def __init__(self, module):
            super().__init__()
            self.module, self.head = module, Head(module)

        def forward(self, tokens):
            return self.head(self.module(tokens).tanh())

    assert_same_gradients(
        Both(build(attempt, table)),
        Both(ByTorch(table)),
        tokens,
        rtol=1e-5,
        atol=1e-5,
        why="sqrt(d_model) may be kept in float32",
    )


def test_logits_see_what_was_learned(attempt):
    table, hidden = draw(), torch.randn(2, 6, dtype=torch.float64)
    module = build(attempt, draw())
    module.logits(hidden)
    module(torch.tensor([1]))
    expected = F.linear(hidden, table), ByTorch(table)(torch.tensor([1])).detach()
    with torch.no_grad():
        module.weight.copy_(table)

    assert_close(module.logits(hidden), expected[0], label="the logits")
    assert_close(module(torch.tensor([1])), expected[1], label="the embedding")


@pytest.mark.parametrize(
    "dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str
)
def test_returns_the_dtype_of_the_table(attempt, dtype):
    module = build(attempt, draw().to(dtype))

    assert module(torch.tensor([[1, 2]])).dtype == dtype
    assert module.logits(torch.randn(2, 6).to(dtype)).dtype == dtype
