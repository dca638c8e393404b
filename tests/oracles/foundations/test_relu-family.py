"""torch's functions and their gradients, and finite differences."""

import pytest
import torch
from torch.nn import functional

GRID = torch.cat([torch.linspace(-120, 120, 961), torch.tensor([0.0, 1e-7, -1e-7, 1e4, -1e4])])
CASES = [
    ("relu", {}, {}),
    ("leaky_relu", {}, {}),
    ("leaky_relu", {"slope": 1.7}, {"negative_slope": 1.7}),
    ("elu", {}, {}),
    ("elu", {"alpha": 0.4}, {"alpha": 0.4}),
]


@pytest.mark.parametrize(("name", "ours", "theirs"), CASES, ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_agrees_with_torch(solution, name, ours, theirs, dtype):
    torch.manual_seed(0)
    leaves = [GRID.to(dtype, copy=True).requires_grad_() for _ in range(2)]
    grad = torch.randn_like(leaves[0])
    expected = getattr(functional, name)(leaves[0], **theirs)
    result = getattr(solution, name)(leaves[1], **ours)
    (want,) = torch.autograd.grad(expected, leaves[0], grad)
    (got,) = torch.autograd.grad(result, leaves[1], grad)

    torch.testing.assert_close(result, expected)
    torch.testing.assert_close(got, want)
    by_hand = getattr(solution, f"{name}_backward")(grad, GRID.to(dtype), **ours)
    torch.testing.assert_close(by_hand, want)


@pytest.mark.parametrize(("name", "ours", "theirs"), CASES, ids=str)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_agrees_with_torch_in_half_precision(solution, name, ours, theirs, dtype):
    x = GRID.to(dtype)
    expected = getattr(functional, name)(x.float(), **theirs).to(dtype)

    torch.testing.assert_close(getattr(solution, name)(x, **ours), expected)


@pytest.mark.parametrize(("name", "ours", "theirs"), CASES, ids=str)
def test_agrees_with_finite_differences(solution, name, ours, theirs):
    x = torch.tensor([-3.0, -0.1, 0.1, 3.0], dtype=torch.float64, requires_grad=True)

    assert torch.autograd.gradcheck(lambda x: getattr(solution, name)(x, **ours), (x,))
