"""torch's softmax and log_softmax, scipy's, and exact fractions."""

from fractions import Fraction

import pytest
import scipy.special
import torch

AXES = [((5,), 0), ((4, 7), 1), ((4, 7), 0), ((2, 3, 5), -2), ((2, 3, 4, 5), 1), ((3, 1), 1)]


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize(("shape", "dim"), AXES, ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("scale", [1, 1e3])
def test_agrees_with_torch(solution, name, shape, dim, dtype, scale):
    torch.manual_seed(0)
    x = scale * torch.randn(shape, dtype=dtype)
    leaves = [x.clone().requires_grad_() for _ in range(2)]
    expected = getattr(torch, name)(leaves[0], dim)
    result = getattr(solution, name)(leaves[1], dim)
    cotangent = torch.randn_like(expected)

    torch.testing.assert_close(result, expected)
    got, want = (
        torch.autograd.grad(value, leaf, cotangent)
        for value, leaf in zip((result, expected), reversed(leaves), strict=True)
    )
    torch.testing.assert_close(got, want)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_agrees_with_torch_in_half_precision(solution, name, dtype):
    torch.manual_seed(0)
    x = (5 * torch.randn(6, 500)).to(dtype)
    x[:, 7] = -torch.inf
    # torch's own log_softmax of bfloat16 on the CPU is coarser near 0
    expected = getattr(torch, name)(x.float(), -1).to(dtype)

    # sums in another order may round to the other side
    torch.testing.assert_close(getattr(solution, name)(x), expected, rtol=2**-7, atol=1e-7)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_agrees_with_scipy(solution, name):
    torch.manual_seed(0)
    x = 1e3 * torch.randn(6, 5, dtype=torch.float64)
    expected = torch.from_numpy(getattr(scipy.special, name)(x.numpy(), axis=0))

    torch.testing.assert_close(getattr(solution, name)(x, 0), expected)


def test_agrees_with_exact_fractions(solution):
    weights = [1, 2, 3, 10]
    x = torch.tensor(weights, dtype=torch.float64).log() - 50
    expected = [float(Fraction(weight, sum(weights))) for weight in weights]

    assert solution.softmax(x).tolist() == pytest.approx(expected, rel=1e-14)
