"""torch's BatchNorm modules over several steps, and folding into a linear layer."""

import pytest
import torch
from torch import nn


def filled(module):
    with torch.no_grad():
        module.weight.copy_(torch.randn(module.weight.shape))
        module.bias.copy_(torch.randn(module.bias.shape))
    return module


@pytest.mark.parametrize(
    ("kind", "shape"),
    [
        (nn.BatchNorm1d, (8, 5)),
        (nn.BatchNorm1d, (3, 5, 7)),
        (nn.BatchNorm2d, (2, 5, 3, 4)),
        (nn.BatchNorm3d, (2, 5, 3, 2, 2)),
    ],
    ids=["rows", "sequences", "images", "volumes"],
)
@pytest.mark.parametrize(("momentum", "eps"), [(0.1, 1e-5), (0.7, 0.2)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_agrees_with_torch_step_by_step(solution, kind, shape, momentum, eps, dtype):
    torch.manual_seed(0)
    module = filled(kind(5, momentum=momentum, eps=eps, dtype=dtype))
    mean, var = torch.zeros(5, dtype=dtype), torch.ones(5, dtype=dtype)
    options = {"momentum": momentum, "eps": eps}

    for step in range(5):
        module.train(step < 4)
        x = (1 + step) * torch.randn(shape, dtype=dtype) + 2
        leaves = [t.detach().clone().requires_grad_() for t in (x, module.weight, module.bias)]
        x.requires_grad_()
        expected = module(x)
        result = solution.batch_norm(*leaves, mean, var, training=module.training, **options)
        cotangent = torch.randn_like(expected)
        want = torch.autograd.grad(expected, [x, module.weight, module.bias], cotangent)
        got = torch.autograd.grad(result, leaves, cotangent)

        torch.testing.assert_close(result, expected, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(mean, module.running_mean)
        torch.testing.assert_close(var, module.running_var)


def test_agrees_with_a_linear_layer_that_it_is_folded_into(solution):
    torch.manual_seed(0)
    linear = nn.Linear(4, 6).double()
    norm = filled(nn.BatchNorm1d(6).double())
    norm(torch.randn(20, 6, dtype=torch.float64))
    norm.eval()
    folded = nn.utils.fusion.fuse_linear_bn_eval(linear.eval(), norm)
    x = torch.randn(5, 4, dtype=torch.float64)

    result = solution.batch_norm(
        linear(x), norm.weight, norm.bias, norm.running_mean, norm.running_var, training=False
    )

    torch.testing.assert_close(result, folded(x))
