"""torch's GroupNorm, its instance and layer norms at the ends, and numpy."""

import numpy
import pytest
import torch
from torch import nn


@pytest.mark.parametrize(
    ("shape", "num_groups"),
    [((3, 8), 2), ((2, 6, 5), 3), ((2, 12, 3, 4), 4), ((2, 4, 2, 3, 2), 2), ((0, 4, 3), 2)],
    ids=str,
)
@pytest.mark.parametrize("eps", [1e-5, 0.3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_agrees_with_torch(solution, shape, num_groups, eps, dtype):
    torch.manual_seed(0)
    module = nn.GroupNorm(num_groups, shape[1], eps=eps, dtype=dtype)
    with torch.no_grad():
        module.weight.copy_(torch.randn(shape[1]))
        module.bias.copy_(torch.randn(shape[1]))
    x = (2 * torch.randn(shape, dtype=dtype) + 1).requires_grad_()
    leaves = [t.detach().clone().requires_grad_() for t in (x, module.weight, module.bias)]

    expected = module(x)
    result = solution.group_norm(leaves[0], num_groups, *leaves[1:], eps=eps)

    cotangent = torch.randn_like(expected)
    want = torch.autograd.grad(expected, [x, module.weight, module.bias], cotangent)
    got = torch.autograd.grad(result, leaves, cotangent)
    torch.testing.assert_close(result, expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-4)


def test_a_group_for_each_channel_is_instance_norm(solution):
    torch.manual_seed(0)
    x = torch.randn(2, 4, 7, dtype=torch.float64)
    weight, bias = torch.randn(2, 4, dtype=torch.float64)
    expected = nn.functional.instance_norm(x, weight=weight, bias=bias)

    torch.testing.assert_close(solution.group_norm(x, 4, weight, bias), expected)


def test_one_group_has_the_statistics_of_layer_norm(solution):
    torch.manual_seed(0)
    x = torch.randn(2, 4, 7, dtype=torch.float64)
    ones, zeros = torch.ones(4, dtype=torch.float64), torch.zeros(4, dtype=torch.float64)
    expected = nn.functional.layer_norm(x, (4, 7))

    torch.testing.assert_close(solution.group_norm(x, 1, ones, zeros), expected)


def test_agrees_with_numpy(solution):
    torch.manual_seed(0)
    x = torch.randn(2, 6, 5, dtype=torch.float64)
    weight, bias = torch.randn(2, 6, dtype=torch.float64)
    groups = x.numpy().reshape(2, 3, 10)
    n = (groups - groups.mean(-1, keepdims=True)) / numpy.sqrt(groups.var(-1, keepdims=True) + 0.1)
    expected = n.reshape(2, 6, 5) * weight.numpy()[:, None] + bias.numpy()[:, None]

    result = solution.group_norm(x, 3, weight, bias, eps=0.1)

    numpy.testing.assert_allclose(result.numpy(), expected, rtol=1e-10)
