"""numpy's and scipy's solvers, exact fractions, and torch's SGD."""

from fractions import Fraction

import numpy
import pytest
import scipy.optimize
import torch


def make_data(N=30, D=4, seed=0):
    generator = numpy.random.default_rng(seed)
    X = generator.normal(size=(N, D)) * [1, 2, 3, 0.5][:D] + 2
    return X, X @ generator.normal(size=D) + 5 + generator.normal(size=N)


def test_agrees_with_numpys_least_squares(solution):
    X, y = make_data()
    expected = numpy.linalg.lstsq(numpy.c_[X, numpy.ones(len(X))], y, rcond=None)[0]

    w, b = solution.fit_normal(torch.from_numpy(X), torch.from_numpy(y))

    numpy.testing.assert_allclose(w, expected[:-1], rtol=1e-9)
    assert b.item() == pytest.approx(expected[-1], rel=1e-9)


@pytest.mark.parametrize("l2", [0.05, 2.0])
def test_agrees_with_a_minimiser_of_scipy(solution, l2):
    X, y = make_data()

    def objective(v):
        return ((X @ v[:-1] + v[-1] - y) ** 2).mean() + l2 * (v[:-1] ** 2).sum()

    found = scipy.optimize.minimize(objective, numpy.zeros(5), method="BFGS", tol=1e-10).x
    w, b = solution.fit_normal(torch.from_numpy(X), torch.from_numpy(y), l2=l2)

    numpy.testing.assert_allclose([*w.tolist(), b.item()], found, rtol=1e-4, atol=1e-4)


def test_agrees_with_exact_fractions(solution):
    x, y = [Fraction(n) for n in (1, 2, 4, 7)], [Fraction(n) for n in (3, 1, 8, 5)]
    mx, my = sum(x) / 4, sum(y) / 4
    w = sum((a - mx) * (b - my) for a, b in zip(x, y, strict=True)) / sum((a - mx) ** 2 for a in x)
    inputs = torch.tensor([float(a) for a in x], dtype=torch.float64)[:, None]
    targets = torch.tensor([float(b) for b in y], dtype=torch.float64)

    found = solution.fit_normal(inputs, targets)

    assert found[0].item() == pytest.approx(float(w), rel=1e-14)
    assert found[1].item() == pytest.approx(float(my - w * mx), rel=1e-14)


@pytest.mark.parametrize("l2", [0.0, 0.3])
def test_descent_agrees_with_torchs_sgd(solution, l2):
    X, y = map(torch.from_numpy, make_data())
    model = torch.nn.Linear(4, 1, dtype=torch.float64)
    torch.nn.init.zeros_(model.weight)
    torch.nn.init.zeros_(model.bias)
    # its weight decay adds wd * w to the gradient
    groups = [{"params": [model.weight], "weight_decay": 2 * l2}, {"params": [model.bias]}]
    optimizer = torch.optim.SGD(groups, lr=0.01)
    for _ in range(20):
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(model(X)[:, 0], y).backward()
        optimizer.step()

    w, b = solution.fit_descent(X, y, lr=0.01, steps=20, l2=l2)

    torch.testing.assert_close(w, model.weight[0].detach())
    torch.testing.assert_close(b, model.bias[0].detach())
