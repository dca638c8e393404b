"""torch's cross-entropy and SGD, a minimiser of scipy, and closed forms."""

import numpy
import pytest
import scipy.optimize
import scipy.special
import torch
from torch.nn.functional import cross_entropy


def make_data(N=40, D=3, K=4):
    generator = numpy.random.default_rng(0)
    X = generator.normal(size=(N, D)) + 0.5
    scores = X @ generator.normal(size=(D, K)) + generator.gumbel(size=(N, K))
    return torch.from_numpy(X), torch.from_numpy(scores.argmax(axis=1))


@pytest.mark.parametrize("l2", [0.0, 0.4])
def test_gradients_agree_with_autograd(solution, l2):
    torch.manual_seed(0)
    X, y = make_data()
    W = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    b = torch.randn(4, dtype=torch.float64, requires_grad=True)
    loss = cross_entropy(X @ W + b, y) + l2 * W.square().sum()
    expected = (loss.detach(), *torch.autograd.grad(loss, (W, b)))

    result = solution.softmax_loss(X, y, W.detach(), b.detach(), l2=l2)

    torch.testing.assert_close(result, expected)


def test_steps_agree_with_torchs_sgd(solution):
    X, y = make_data()
    model = torch.nn.Linear(3, 4, dtype=torch.float64)
    torch.nn.init.zeros_(model.weight)
    torch.nn.init.zeros_(model.bias)
    groups = [{"params": [model.weight], "weight_decay": 0.2}, {"params": [model.bias]}]
    optimizer = torch.optim.SGD(groups, lr=0.3)
    for _ in range(15):
        optimizer.zero_grad()
        cross_entropy(model(X), y).backward()
        optimizer.step()

    W, b = solution.fit_softmax(X, y, 4, lr=0.3, steps=15, l2=0.1)

    torch.testing.assert_close(W, model.weight.T.detach())
    torch.testing.assert_close(b, model.bias.detach())


@pytest.mark.parametrize("l2", [0.02, 0.5])
def test_the_fit_arrives_at_scipys_minimum(solution, l2):
    X, y = make_data()
    A, labels = X.numpy(), y.numpy()

    def objective(v):
        W, b = v[:12].reshape(3, 4), v[12:]
        log_p = scipy.special.log_softmax(A @ W + b, axis=1)
        return -log_p[numpy.arange(40), labels].mean() + l2 * (W**2).sum()

    found = scipy.optimize.minimize(objective, numpy.zeros(16), method="BFGS", tol=1e-10).x
    W, b = solution.fit_softmax(X, y, 4, lr=0.5, steps=1500, l2=l2)

    numpy.testing.assert_allclose(W, found[:12].reshape(3, 4), atol=1e-4)
    # scores are known up to a constant
    centred = found[12:] - found[12:].mean()
    numpy.testing.assert_allclose(b - b.mean(), centred, atol=1e-4)


def test_without_inputs_the_intercepts_are_the_log_shares(solution):
    y = torch.tensor([0, 1, 1, 2, 2, 2, 2])

    _, b = solution.fit_softmax(torch.zeros(7, 1, dtype=torch.float64), y, 3, lr=1.0, steps=2000)

    shares = torch.tensor([1, 2, 4], dtype=torch.float64) / 7
    torch.testing.assert_close(b.softmax(dim=-1), shares, rtol=1e-6, atol=1e-6)


def test_two_classes_are_logistic_regression(solution):
    X, y = make_data(K=2)
    W, b = solution.fit_softmax(X, y, 2, lr=0.4, steps=30)
    # the difference of the two columns moves twice as fast
    model = torch.zeros(4, dtype=torch.float64)
    for _ in range(30):
        error = torch.sigmoid(X @ model[:3] + model[3]) - y.double()
        step = torch.cat([X.T @ error, error.sum()[None]]) / len(y)
        model = model - 0.8 * step

    torch.testing.assert_close(W[:, 1] - W[:, 0], model[:3])
    torch.testing.assert_close(b[1] - b[0], model[3])
