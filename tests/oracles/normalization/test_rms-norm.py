"""torch's RMSNorm, and those of Llama and Gemma in transformers."""

import pytest
import torch
from torch import nn
from transformers.models.gemma2.modeling_gemma2 import Gemma2RMSNorm
from transformers.models.llama.modeling_llama import LlamaRMSNorm

SHAPES = [(7,), (5, 8), (2, 3, 16), (2, 4, 3, 10)]


def filled(module, dtype=torch.float64):
    """A norm whose weight is not its initial one."""
    module = module.to(dtype)
    with torch.no_grad():
        module.weight.copy_(torch.randn(module.weight.shape))
    return module


def assert_agrees(solution, module, x, weight, eps):
    leaves = [x.clone().requires_grad_() for _ in range(2)]
    expected = module(leaves[0])
    cotangent = torch.randn_like(expected)
    want = torch.autograd.grad(expected, [leaves[0], module.weight], cotangent)

    weight = weight.detach().clone().requires_grad_()
    result = solution.rms_norm(leaves[1], weight, eps=eps)
    got = torch.autograd.grad(result, [leaves[1], weight], cotangent)

    torch.testing.assert_close(result, expected)
    for left, right in zip(got, want, strict=True):
        torch.testing.assert_close(left, right)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("eps", [1e-6, 0.3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_agrees_with_torch(solution, shape, eps, dtype):
    torch.manual_seed(0)
    module = filled(nn.RMSNorm(shape[-1], eps=eps), dtype)

    assert_agrees(solution, module, 2 * torch.randn(shape, dtype=dtype) + 1, module.weight, eps)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_rounds_half_precision_as_torch_does(solution, dtype):
    torch.manual_seed(0)
    x, weight = torch.randn(256, 64).to(dtype), torch.randn(64).to(dtype)
    expected = nn.functional.rms_norm(x, (64,), weight, 1e-6)

    # float32 sums in another order move a value across a rounding boundary now and then
    same = (solution.rms_norm(x, weight) == expected).double().mean()

    assert same > 0.999


def test_agrees_with_llama_in_float32(solution):
    torch.manual_seed(0)
    # its statistics are always float32, so a float64 comparison would test that
    module = filled(LlamaRMSNorm(16, eps=1e-5), torch.float32)

    assert_agrees(solution, module, 3 * torch.randn(2, 5, 16), module.weight, 1e-5)


def test_agrees_with_gemma_whose_weight_is_an_offset_from_one(solution):
    torch.manual_seed(0)
    module = filled(Gemma2RMSNorm(16, eps=1e-5), torch.float32)

    assert_agrees(solution, module, 3 * torch.randn(2, 5, 16), 1 + module.weight, 1e-5)


def test_casts_half_precision_where_gemma_does(solution):
    torch.manual_seed(0)
    # multiples of 1/64 near 1, so that 1 + weight is exact in bfloat16 too
    offset = torch.randint(-32, 32, (16,)) / 64
    module = Gemma2RMSNorm(16, eps=1e-6).bfloat16()
    with torch.no_grad():
        module.weight.copy_(offset)
    x = torch.randn(64, 16).bfloat16()

    same = (solution.rms_norm(x, (1 + offset).bfloat16()) == module(x)).double().mean()

    assert same > 0.999


def test_agrees_with_numbers_worked_out_by_hand(solution):
    # 9 + 16 over 2 is 12.5, and 12.5 + 12.5 has the root 5
    x = torch.tensor([3.0, 4.0], dtype=torch.float64)
    weight = torch.tensor([2.0, 0.5], dtype=torch.float64)

    result = solution.rms_norm(x, weight, eps=12.5)

    torch.testing.assert_close(result, torch.tensor([1.2, 0.4], dtype=torch.float64))
