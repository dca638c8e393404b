"""torch's activations, those of transformers, and scipy's normal distribution."""

import math

import pytest
import scipy.special
import torch
from torch.nn import functional
from transformers.activations import ACT2FN


@pytest.mark.parametrize("approximate", ["none", "tanh"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("shape", [(9,), (2, 3, 4), ()], ids=str)
def test_gelu_agrees_with_torch(solution, approximate, dtype, shape):
    torch.manual_seed(0)
    leaves = [(4 * torch.randn(shape, dtype=dtype)).requires_grad_() for _ in range(1)]
    leaves.append(leaves[0].detach().clone().requires_grad_())
    expected = functional.gelu(leaves[0], approximate=approximate)
    result = solution.gelu(leaves[1], approximate=approximate)
    expected.sum().backward()
    result.sum().backward()

    torch.testing.assert_close(result, expected)
    torch.testing.assert_close(leaves[1].grad, leaves[0].grad)


def test_silu_agrees_with_torch(solution):
    torch.manual_seed(0)
    leaves = [torch.linspace(-200, 200, 801, requires_grad=True) for _ in range(2)]
    expected, result = functional.silu(leaves[0]), solution.silu(leaves[1])
    expected.sum().backward()
    result.sum().backward()

    torch.testing.assert_close(result, expected)
    torch.testing.assert_close(leaves[1].grad, leaves[0].grad)


def test_agrees_with_the_activations_of_transformers(solution):
    torch.manual_seed(0)
    x = 3 * torch.randn(200, dtype=torch.float64)

    torch.testing.assert_close(solution.gelu(x), ACT2FN["gelu"](x))
    torch.testing.assert_close(solution.gelu(x, approximate="tanh"), ACT2FN["gelu_new"](x))
    torch.testing.assert_close(solution.silu(x), ACT2FN["silu"](x))
    # the sigmoid form of GELU is Swish with this beta
    torch.testing.assert_close(solution.silu(x, beta=1.702), ACT2FN["quick_gelu"](x))


def test_gelu_agrees_with_scipys_normal_distribution(solution):
    x = torch.linspace(-5, 5, 101, dtype=torch.float64)
    expected = x * torch.from_numpy(scipy.special.ndtr(x.numpy()))

    torch.testing.assert_close(solution.gelu(x), expected)


def test_the_two_forms_differ_by_half_a_thousandth(solution):
    x = torch.linspace(-8, 8, 160_001, dtype=torch.float64)
    gap = (solution.gelu(x) - solution.gelu(x, approximate="tanh")).abs().max().item()

    assert gap == pytest.approx(4.73e-4, abs=1e-6)


def test_silu_has_its_minimum_where_the_derivative_is_zero(solution):
    x = torch.linspace(-2, 0, 20_001, dtype=torch.float64)
    values = solution.silu(x)

    assert values.min().item() == pytest.approx(-0.27846, abs=1e-5)
    assert x[values.argmin()].item() == pytest.approx(-1.27846, abs=1e-3)
    assert math.isclose(solution.silu(torch.tensor(0.0)).item(), 0.0)
