"""torch's cross-entropy and SGD, a minimiser of scipy, and a closed form."""

import math

import numpy
import pytest
import scipy.optimize
import scipy.special
import torch
from torch.nn.functional import binary_cross_entropy_with_logits


def make_data(N=40, D=3):
    generator = numpy.random.default_rng(0)
    X = generator.normal(size=(N, D)) + 0.5
    y = (X @ generator.normal(size=D) + generator.logistic(size=N) > 0).astype(numpy.int64)
    return torch.from_numpy(X), torch.from_numpy(y)


@pytest.mark.parametrize("l2", [0.0, 0.4])
def test_gradients_agree_with_autograd(solution, l2):
    X, y = make_data()
    w = torch.tensor([0.3, -2.0, 1.0], dtype=torch.float64, requires_grad=True)
    b = torch.tensor(-0.4, dtype=torch.float64, requires_grad=True)
    loss = binary_cross_entropy_with_logits(X @ w + b, y.double()) + l2 * w.square().sum()
    expected = (loss.detach(), *torch.autograd.grad(loss, (w, b)))

    result = solution.logistic_loss(X, y, w.detach(), b.detach(), l2=l2)

    torch.testing.assert_close(result, expected)


def test_steps_agree_with_torchs_sgd(solution):
    X, y = make_data()
    model = torch.nn.Linear(3, 1, dtype=torch.float64)
    torch.nn.init.zeros_(model.weight)
    torch.nn.init.zeros_(model.bias)
    groups = [{"params": [model.weight], "weight_decay": 0.2}, {"params": [model.bias]}]
    optimizer = torch.optim.SGD(groups, lr=0.3)
    for _ in range(15):
        optimizer.zero_grad()
        binary_cross_entropy_with_logits(model(X)[:, 0], y.double()).backward()
        optimizer.step()

    w, b = solution.fit_logistic(X, y, lr=0.3, steps=15, l2=0.1)

    torch.testing.assert_close(w, model.weight[0].detach())
    torch.testing.assert_close(b, model.bias[0].detach())


@pytest.mark.parametrize("l2", [0.02, 0.5])
def test_the_fit_arrives_at_scipys_minimum(solution, l2):
    X, y = make_data()
    A, t = X.numpy(), y.numpy()

    def objective(v):
        z = A @ v[:-1] + v[-1]
        losses = -t * scipy.special.log_expit(z) - (1 - t) * scipy.special.log_expit(-z)
        return losses.mean() + l2 * (v[:-1] ** 2).sum()

    found = scipy.optimize.minimize(objective, numpy.zeros(4), method="BFGS", tol=1e-10).x
    w, b = solution.fit_logistic(X, y, lr=0.5, steps=1500, l2=l2)

    numpy.testing.assert_allclose([*w.tolist(), b.item()], found, atol=1e-4)
    p = solution.predict_proba(X, w, b)
    numpy.testing.assert_allclose(p, scipy.special.expit(A @ found[:-1] + found[-1]), atol=1e-4)


def test_without_inputs_the_intercept_is_the_log_odds(solution):
    y = torch.tensor([1, 0, 0, 0])

    _, b = solution.fit_logistic(torch.zeros(4, 1, dtype=torch.float64), y, lr=1.0, steps=500)

    assert b.item() == pytest.approx(math.log(1 / 3), rel=1e-6)
