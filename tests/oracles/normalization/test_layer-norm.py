"""torch's LayerNorm, one of transformers' own, and numbers worked out by hand."""

import pytest
import torch
from torch import nn
from transformers.models.convnext.modeling_convnext import ConvNextLayerNorm

SHAPES = [(7,), (5, 8), (2, 3, 16), (2, 4, 3, 10), (0, 4)]


def assert_agrees(solution, module, x, eps, rtol=1e-5, atol=1e-5):
    with torch.no_grad():
        module.weight.copy_(torch.randn(module.weight.shape))
        module.bias.copy_(torch.randn(module.bias.shape))
    leaf = x.clone().requires_grad_()
    expected = module(leaf)
    cotangent = torch.randn_like(expected)
    want = torch.autograd.grad(expected, [leaf, module.weight, module.bias], cotangent)

    leaves = [t.detach().clone().requires_grad_() for t in (x, module.weight, module.bias)]
    result = solution.layer_norm(*leaves, eps=eps)
    got = torch.autograd.grad(result, leaves, cotangent)

    torch.testing.assert_close(result, expected, rtol=rtol, atol=atol)
    torch.testing.assert_close(got, want, rtol=rtol, atol=atol)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("eps", [1e-5, 0.3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_agrees_with_torch(solution, shape, eps, dtype):
    torch.manual_seed(0)
    module = nn.LayerNorm(shape[-1], eps=eps, dtype=dtype)

    assert_agrees(solution, module, 2 * torch.randn(shape, dtype=dtype) + 1, eps)


def test_agrees_with_the_layer_norm_of_convnext(solution):
    torch.manual_seed(0)
    module = ConvNextLayerNorm(12, eps=1e-3, data_format="channels_last").double()

    assert_agrees(solution, module, 3 * torch.randn(2, 5, 12, dtype=torch.float64), 1e-3)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_rounds_half_precision_as_torch_does(solution, dtype):
    torch.manual_seed(0)
    x, weight, bias = (torch.randn(shape).to(dtype) for shape in ((256, 64), (64,), (64,)))
    expected = nn.functional.layer_norm(x, (64,), weight, bias, 1e-5)

    # float32 sums in another order move a value across a rounding boundary now and then
    same = (solution.layer_norm(x, weight, bias) == expected).double().mean()

    assert same > 0.999


def test_agrees_with_numbers_worked_out_by_hand(solution):
    # mean 5 and variance 9, and 9 + 16 has the root 5
    x = torch.tensor([2.0, 8.0], dtype=torch.float64)
    weight, bias = torch.tensor([[1.0, 5.0], [0.0, -1.0]], dtype=torch.float64)

    result = solution.layer_norm(x, weight, bias, eps=16.0)

    torch.testing.assert_close(result, torch.tensor([-0.6, 2.0], dtype=torch.float64))
