"""Values are compared in float64, where only logic, not rounding, can differ."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from grader.testing import assert_close, assert_equal, assert_same_gradients

HALVES = [
    pytest.param(torch.bfloat16, id="bfloat16"),
    pytest.param(torch.float16, id="float16"),
]


def build(attempt, table, dtype=None):
    """A module with this table."""
    module = attempt.LearnedPositions(*table.shape).to(dtype or table.dtype)
    shapes = {name: tuple(parameter.shape) for name, parameter in module.named_parameters()}
    assert_equal(shapes, {"weight": tuple(table.shape)}, label="the parameters")
    module.load_state_dict({"weight": table}, strict=False)
    return module


def draw(B=2, T=5, d_model=4, dtype=torch.float64):
    # a view that is not contiguous
    return torch.randn(T, B, d_model, dtype=torch.float64).transpose(0, 1).to(dtype)


def spans(*pairs):
    ids = [f"{T}-tokens-from-{start}" for start, T in pairs]
    return pytest.mark.parametrize("start, T", pairs, ids=ids)


class ByTorch(nn.Module):
    """torch's own look-up, by the number of each token."""

    def __init__(self, table):
        super().__init__()
        self.weight = nn.Parameter(table.clone())

    def forward(self, x, start=0):
        positions = torch.arange(start, start + x.shape[1]).expand(x.shape[:2])
        return x + F.embedding(positions, self.weight)


@pytest.mark.parametrize(
    "B, T, max_len",
    [
        pytest.param(2, 5, 9, id="short"),
        pytest.param(3, 3, 9, id="as-many-sequences-as-tokens"),
        pytest.param(4, 1, 9, id="one-token"),
        pytest.param(1, 6, 9, id="one-sequence"),
    ],
)
def test_each_token_gets_the_vector_of_its_position(attempt, B, T, max_len):
    x, table = draw(B, T), torch.randn(max_len, 4, dtype=torch.float64)
    expected = ByTorch(table)(x).detach()

    assert_close(build(attempt, table)(x), expected)


@spans((1, 5), (3, 3), (6, 1), (7, 2))
def test_start_is_the_position_of_the_first_token(attempt, start, T):
    x, table = draw(T=T), torch.randn(9, 4, dtype=torch.float64)
    expected = ByTorch(table)(x, start).detach()

    assert_close(build(attempt, table)(x, start=start), expected)


def test_one_token_at_a_time_gives_what_all_at_once_give(attempt):
    x, table = draw(T=6), torch.randn(6, 4, dtype=torch.float64)
    expected = ByTorch(table)(x).detach()
    module = build(attempt, table)

    pieces = [module(x[:, t : t + 1], start=t) for t in range(6)]

    assert_close(torch.cat(pieces, dim=1), expected)


@spans((0, 7), (6, 1), (2, 5))
def test_the_last_position_can_be_used(attempt, start, T):
    x, table = draw(T=T), torch.randn(7, 4, dtype=torch.float64)
    expected = ByTorch(table)(x, start).detach()

    assert_close(build(attempt, table)(x, start=start), expected)


@spans((0, 8), (7, 1), (6, 2), (20, 1), (-1, 1), (-3, 2), (-1, 3))
def test_rejects_positions_outside_the_table(attempt, start, T):
    module = build(attempt, torch.randn(7, 4, dtype=torch.float64))

    with pytest.raises(ValueError):
        module(draw(T=T), start=start)


@pytest.mark.parametrize("start", [0, 4, 7], ids="start={}".format)
def test_no_tokens_give_an_empty_result(attempt, start):
    module = build(attempt, torch.randn(7, 4, dtype=torch.float64))

    assert tuple(module(draw(T=0), start=start).shape) == (2, 0, 4)


def test_the_table_is_drawn_small(attempt):
    weight = attempt.LearnedPositions(400, 50).weight.detach()
    mean, deviation = weight.mean().item(), weight.double().std().item()

    assert weight.dtype == torch.float32
    why = "seven standard errors of 20,000 draws"
    assert_close(mean, 0.0, rtol=0.0, atol=0.001, why=why, label="the mean")
    assert_close(deviation, 0.02, rtol=0.035, atol=0.0, why=why, label="the standard deviation")


def test_the_table_is_drawn_from_a_normal_distribution(attempt):
    weight = attempt.LearnedPositions(400, 50).weight.detach()
    far = (weight.abs() > 0.04).double().mean().item()

    # beyond two standard deviations; of a uniform distribution nothing is
    why = "seven standard errors of 20,000 draws"
    assert_close(far, 0.0455, rtol=0.0, atol=0.0104, why=why, label="the share above 0.04 in size")


def test_two_tables_are_drawn_apart(attempt):
    first, second = (attempt.LearnedPositions(9, 4).weight for _ in range(2))

    assert not torch.equal(first, second), "two modules start with the same table"


@pytest.mark.parametrize("start", [0, 2], ids="start={}".format)
def test_gradients_match_torch(attempt, start):
    x, table = draw(3, 4), torch.randn(9, 4, dtype=torch.float64)

    assert_same_gradients(build(attempt, table), ByTorch(table), x, names=("x",), start=start)


def test_a_second_call_sees_what_was_learned(attempt):
    x, table = draw(), torch.randn(9, 4, dtype=torch.float64)
    module = build(attempt, table)
    module(x)
    changed = torch.randn(9, 4, dtype=torch.float64)
    expected = ByTorch(changed)(x).detach()
    with torch.no_grad():
        module.weight.copy_(changed)

    assert_close(module(x), expected)


@pytest.mark.parametrize("dtype", HALVES)
def test_half_precision_is_rounded_once(attempt, dtype):
    x, table = draw(4, 20, 16, dtype), torch.randn(20, 16)
    exact = x.double() + table.double()

    result = build(attempt, table)(x)

    assert result.dtype == dtype
    assert_close(
        result.double(),
        exact,
        rtol={torch.bfloat16: 2**-8, torch.float16: 2**-11}[dtype] * 1.01,
        atol=1e-6,
        why="half a step between neighbouring values",
    )


@pytest.mark.parametrize("of_table", [torch.bfloat16, torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64], ids=str)
def test_returns_the_dtype_of_x(attempt, dtype, of_table):
    module = build(attempt, torch.randn(9, 4), of_table)

    assert module(draw(dtype=dtype)).dtype == dtype
