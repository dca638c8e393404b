"""torch's mse_loss and its gradient, and exact fractions."""

from fractions import Fraction

import pytest
import torch
from torch.nn import functional


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
@pytest.mark.parametrize("shape", [(5,), (4, 3), (2, 3, 4), ()], ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_agrees_with_torch(solution, reduction, shape, dtype):
    torch.manual_seed(0)
    pred, target = 3 * torch.randn(2, *shape, dtype=dtype)
    leaves = [pred.clone().requires_grad_() for _ in range(2)]
    expected = functional.mse_loss(leaves[0], target, reduction=reduction)
    result = solution.mse_loss(leaves[1], target, reduction=reduction)

    torch.testing.assert_close(result, expected)
    expected.sum().backward()
    result.sum().backward()
    torch.testing.assert_close(leaves[1].grad, leaves[0].grad)
    by_hand = solution.mse_gradient(pred, target, reduction=reduction)
    torch.testing.assert_close(by_hand, leaves[0].grad)


def test_agrees_with_exact_fractions(solution):
    torch.manual_seed(0)
    pred, target = torch.randint(-8, 8, (2, 6)).double() / 4
    differences = [
        Fraction(p) - Fraction(t) for p, t in zip(pred.tolist(), target.tolist(), strict=True)
    ]

    assert solution.mse_loss(pred, target).item() == pytest.approx(
        float(sum(d * d for d in differences) / 6), rel=1e-15
    )
    gradient = solution.mse_gradient(pred, target).tolist()
    assert gradient == pytest.approx([float(2 * d / 6) for d in differences], rel=1e-15)


def test_agrees_with_finite_differences(solution):
    torch.manual_seed(0)
    pred, target = torch.randn(2, 5, dtype=torch.float64)

    assert torch.autograd.gradcheck(
        solution.mse_loss, (pred.requires_grad_(), target.requires_grad_())
    )
