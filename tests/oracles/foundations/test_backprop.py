"""torch's layers and autograd, and finite differences."""

import pytest
import torch
from torch import nn

NAMES = ("x", "w1", "b1", "w2", "b2")


def make_inputs(N, D, F, C, dtype=torch.float64):
    torch.manual_seed(0)
    shapes = (N, D), (D, F), (F,), (F, C), (C,)
    return [torch.randn(shape, dtype=dtype) for shape in shapes], torch.randint(C, (N,))


@pytest.mark.parametrize("shape", [(6, 4, 7, 3), (1, 3, 2, 5), (32, 20, 50, 10)], ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_agrees_with_torchs_layers(solution, shape, dtype):
    (x, w1, b1, w2, b2), targets = make_inputs(*shape, dtype)
    _, D, F, C = shape
    model = nn.Sequential(nn.Linear(D, F), nn.ReLU(), nn.Linear(F, C)).to(dtype)
    with torch.no_grad():
        for parameter, value in zip(model.parameters(), (w1.T, b1, w2.T, b2), strict=True):
            parameter.copy_(value)
    leaf = x.clone().requires_grad_()
    expected = nn.CrossEntropyLoss()(model(leaf), targets)
    gx, gw1, gb1, gw2, gb2 = torch.autograd.grad(expected, [leaf, *model.parameters()])

    loss, grads = solution.mlp_gradients(x, w1, b1, w2, b2, targets)

    torch.testing.assert_close(loss, expected.detach())
    want = dict(zip(NAMES, (gx, gw1.T, gb1, gw2.T, gb2), strict=True))
    torch.testing.assert_close(grads, want, rtol=1e-5, atol=1e-5)


def test_agrees_with_finite_differences(solution):
    tensors, targets = make_inputs(4, 3, 5, 3)
    _, grads = solution.mlp_gradients(*tensors, targets)
    h = 1e-6

    for tensor, name in zip(tensors, NAMES, strict=True):
        estimate = torch.zeros_like(tensor)
        for i in range(tensor.numel()):
            losses = []
            for step in (h, -h):
                tensor.view(-1)[i] += step
                losses.append(solution.mlp_gradients(*tensors, targets)[0])
                tensor.view(-1)[i] -= step
            estimate.view(-1)[i] = (losses[0] - losses[1]) / (2 * h)
        torch.testing.assert_close(grads[name], estimate, rtol=1e-6, atol=1e-8)
