"""torch's autograd and its own backward operator, and finite differences."""

import pytest
import torch
from torch.nn.functional import layer_norm

SHAPES = [(7,), (5, 8), (2, 3, 16), (2, 4, 3, 10), (0, 4)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("eps", [1e-5, 0.4])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_agrees_with_autograd(solution, shape, eps, dtype):
    torch.manual_seed(0)
    x, grad_out = 2 * torch.randn(shape, dtype=dtype) + 1, torch.randn(shape, dtype=dtype)
    weight, bias = torch.randn(2, shape[-1], dtype=dtype)
    leaves = [tensor.clone().requires_grad_() for tensor in (x, weight, bias)]
    expected = torch.autograd.grad(
        layer_norm(leaves[0], shape[-1:], *leaves[1:], eps), leaves, grad_out
    )

    result = solution.layer_norm_backward(grad_out, x, weight, eps=eps)

    torch.testing.assert_close(result, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("same", [True, False], ids=["same-weight", "float32-weight"])
def test_agrees_with_torchs_own_backward_in_half_precision(solution, dtype, same):
    torch.manual_seed(0)
    x, grad_out = (torch.randn(6, 32).to(dtype) for _ in range(2))
    weight = torch.randn(32).to(dtype if same else torch.float32)
    bias = torch.zeros_like(weight)
    _, mean, rstd = torch.native_layer_norm(x, (32,), weight, bias, 1e-5)
    expected = torch.ops.aten.native_layer_norm_backward(
        grad_out, x, (32,), mean, rstd, weight, bias, [True, True, True]
    )

    result = solution.layer_norm_backward(grad_out, x, weight)

    assert [gradient.dtype for gradient in result] == [dtype, weight.dtype, weight.dtype]
    # torch keeps half-precision statistics where weight and x share a dtype
    for got, want in zip(result, expected, strict=True):
        torch.testing.assert_close(got.float(), want.float(), rtol=2e-2, atol=4e-2)


@pytest.mark.parametrize("eps", [1e-5, 0.4])
def test_agrees_with_finite_differences(solution, eps):
    class LayerNorm(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, weight, bias):
            ctx.save_for_backward(x, weight)
            centred = x - x.mean(dim=-1, keepdim=True)
            return (
                centred / (centred.square().mean(dim=-1, keepdim=True) + eps).sqrt() * weight + bias
            )

        @staticmethod
        def backward(ctx, grad_out):
            return solution.layer_norm_backward(grad_out, *ctx.saved_tensors, eps=eps)

    torch.manual_seed(0)
    x = (2 * torch.randn(2, 3, 5, dtype=torch.float64) + 1).requires_grad_()
    weight, bias = (torch.randn(5, dtype=torch.float64).requires_grad_() for _ in range(2))

    assert torch.autograd.gradcheck(LayerNorm.apply, (x, weight, bias))


def test_agrees_with_numbers_worked_out_by_hand(solution):
    # mean 2, variance 1, root 2, n = (-1/2, 1/2, -1/2, 1/2)
    # the mean of d is 1/4, that of d * n -1/8
    x, grad_out = torch.tensor([[1.0, 3.0, 1.0, 3.0], [1.0, 0.0, 0.0, 0.0]], dtype=torch.float64)
    weight = torch.ones(4, dtype=torch.float64)

    grad_x, grad_weight, grad_bias = solution.layer_norm_backward(grad_out, x, weight, eps=3.0)

    assert (32 * grad_x).tolist() == [11.0, -3.0, -5.0, -3.0]
    assert grad_weight.tolist() == [-0.5, 0.0, 0.0, 0.0]
    assert grad_bias.tolist() == [1.0, 0.0, 0.0, 0.0]
