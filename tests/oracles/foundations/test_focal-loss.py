"""torchvision's formula written out in float64, torch's cross-entropy, and finite differences."""

import pytest
import torch
from torch.nn import functional


def torchvision(logits, targets, alpha, gamma, reduction):
    """torchvision.ops.sigmoid_focal_loss, line by line."""
    p = torch.sigmoid(logits)
    ce_loss = functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    p_t = p * targets + (1 - p) * (1 - targets)
    loss = ce_loss * ((1 - p_t) ** gamma)
    if alpha >= 0:
        alpha_t = alpha * targets + (1 - alpha) * (1 - targets)
        loss = alpha_t * loss
    return {"none": loss, "mean": loss.mean(), "sum": loss.sum()}[reduction]


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
@pytest.mark.parametrize("alpha", [0.25, 0.8, 0.0, -1])
@pytest.mark.parametrize("gamma", [0.0, 1.0, 2.0, 3.5])
def test_agrees_with_torchvisions_formula(solution, reduction, alpha, gamma):
    torch.manual_seed(0)
    logits = 4 * torch.randn(5, 3, dtype=torch.float64)
    targets = torch.randint(2, (5, 3)).double()
    leaves = [logits.clone().requires_grad_() for _ in range(2)]
    expected = torchvision(leaves[0], targets, alpha, gamma, reduction)
    result = solution.focal_loss(
        leaves[1],
        targets,
        alpha=None if alpha < 0 else alpha,
        gamma=gamma,
        reduction=reduction,
    )

    torch.testing.assert_close(result, expected)
    expected.sum().backward()
    result.sum().backward()
    torch.testing.assert_close(leaves[1].grad, leaves[0].grad)


def test_without_focus_it_is_weighted_cross_entropy(solution):
    torch.manual_seed(0)
    logits, targets = 4 * torch.randn(50), torch.randint(2, (50,)).float()
    weight = torch.where(targets == 1, 0.3, 0.7)
    expected = functional.binary_cross_entropy_with_logits(logits, targets, weight=weight)

    torch.testing.assert_close(solution.focal_loss(logits, targets, alpha=0.3, gamma=0.0), expected)


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_agrees_with_finite_differences(solution, gamma):
    torch.manual_seed(0)
    logits = torch.randn(6, dtype=torch.float64, requires_grad=True)
    targets = torch.tensor([0, 1, 1, 0, 1, 0])

    assert torch.autograd.gradcheck(
        lambda x: solution.focal_loss(x, targets, gamma=gamma, reduction="none"), (logits,)
    )
