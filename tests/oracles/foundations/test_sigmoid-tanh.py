"""torch's sigmoid and tanh, scipy's, and finite differences."""

import numpy
import pytest
import scipy.special
import torch

GRID = torch.cat([torch.linspace(-120, 120, 961), torch.tensor([0.0, 1e-7, -1e-7, 1e4, -1e4])])


@pytest.mark.parametrize("name", ["sigmoid", "tanh"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_agrees_with_torch(solution, name, dtype):
    leaves = [GRID.to(dtype, copy=True).requires_grad_() for _ in range(2)]
    expected, result = getattr(torch, name)(leaves[0]), getattr(solution, name)(leaves[1])
    expected.sum().backward()
    result.sum().backward()

    torch.testing.assert_close(result, expected)
    torch.testing.assert_close(leaves[1].grad, leaves[0].grad)


@pytest.mark.parametrize("name", ["sigmoid", "tanh"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_agrees_with_torch_in_half_precision(solution, name, dtype):
    x = GRID.to(dtype)
    expected = getattr(torch, name)(x.float()).to(dtype)

    torch.testing.assert_close(getattr(solution, name)(x), expected, rtol=2**-7, atol=1e-7)


def test_agrees_with_scipy_to_the_last_digits(solution):
    x = torch.linspace(-700, 700, 2801, dtype=torch.float64)
    expected = torch.from_numpy(scipy.special.expit(x.numpy()))

    torch.testing.assert_close(solution.sigmoid(x), expected, rtol=1e-14, atol=0)


def test_agrees_with_numpy_near_zero(solution):
    x = torch.logspace(-300, 1, 400, dtype=torch.float64)
    expected = torch.from_numpy(numpy.tanh(x.numpy()))

    torch.testing.assert_close(solution.tanh(x), expected, rtol=1e-14, atol=0)
    torch.testing.assert_close(solution.tanh(-x), -expected, rtol=1e-14, atol=0)


@pytest.mark.parametrize("name", ["sigmoid", "tanh"])
def test_agrees_with_finite_differences(solution, name):
    x = torch.tensor([-3.0, -0.1, 0.0, 0.1, 3.0], dtype=torch.float64, requires_grad=True)

    assert torch.autograd.gradcheck(getattr(solution, name), (x,))
