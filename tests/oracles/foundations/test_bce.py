"""torch's binary_cross_entropy_with_logits, cross-entropy over two classes, and scipy."""

import pytest
import scipy.special
import torch
from torch.nn import functional


def make_inputs(shape, dtype):
    torch.manual_seed(0)
    return 4 * torch.randn(shape, dtype=dtype), torch.rand(shape, dtype=dtype)


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
@pytest.mark.parametrize("weighted", ["", "weight", "pos_weight", "weight pos_weight"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_agrees_with_torch(solution, reduction, weighted, dtype):
    logits, targets = make_inputs((5, 3), dtype)
    options = {name: 4 * torch.rand(3, dtype=dtype) for name in weighted.split()}
    leaves = [logits.clone().requires_grad_() for _ in range(2)]
    expected = functional.binary_cross_entropy_with_logits(
        leaves[0], targets, reduction=reduction, **options
    )
    result = solution.bce_with_logits(leaves[1], targets, reduction=reduction, **options)

    torch.testing.assert_close(result, expected)
    expected.sum().backward()
    result.sum().backward()
    torch.testing.assert_close(leaves[1].grad, leaves[0].grad)


def test_agrees_with_cross_entropy_over_two_classes(solution):
    logits, targets = make_inputs((50,), torch.float64)
    labels = (targets > 0.5).long()
    two = torch.stack([torch.zeros_like(logits), logits], dim=-1)

    torch.testing.assert_close(
        solution.bce_with_logits(100 * logits, labels.double()),
        functional.cross_entropy(100 * two, labels),
    )


def test_agrees_with_scipy(solution):
    logits, targets = make_inputs((50,), torch.float64)
    x, y = (30 * logits).numpy(), targets.numpy()
    expected = -(y * scipy.special.log_expit(x) + (1 - y) * scipy.special.log_expit(-x))

    result = solution.bce_with_logits(30 * logits, targets, reduction="none")

    torch.testing.assert_close(result, torch.from_numpy(expected))


def test_the_gradient_is_probability_less_target(solution):
    logits, targets = make_inputs((50,), torch.float64)
    logits.requires_grad_()
    solution.bce_with_logits(logits, targets, reduction="sum").backward()

    torch.testing.assert_close(logits.grad, torch.sigmoid(logits.detach()) - targets)
