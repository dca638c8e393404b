"""torch's autograd on random graphs, and finite differences."""

import random

import pytest
import torch

BINARY = [lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b, lambda a, b: a / (b * b + 1)]
UNARY = [
    lambda a: a.tanh(),
    lambda a: a.relu(),
    lambda a: (a.tanh()).exp(),
    lambda a: (a * a + 1).log(),
    lambda a: 2 - a,
    lambda a: 1 / (a * a + 2),
    lambda a: (a.tanh() + 3) ** 2.5,
    lambda a: -a,
]


def grow(leaves, seed, size=40):
    """A graph whose nodes draw on any nodes before them."""
    draw, nodes = random.Random(seed), list(leaves)
    for _ in range(size):
        if draw.random() < 0.6:
            nodes.append(draw.choice(BINARY)(*draw.choices(nodes[-8:], k=2)).tanh())
        else:
            nodes.append(draw.choice(UNARY)(draw.choice(nodes)))
    return sum(nodes[1:], nodes[0])


@pytest.mark.parametrize("seed", range(20))
def test_agrees_with_torch_on_random_graphs(solution, seed):
    draw = random.Random(seed)
    numbers = [draw.gauss(0, 1) for _ in range(4)]
    leaves = [torch.tensor(n, dtype=torch.float64, requires_grad=True) for n in numbers]
    expected = grow(leaves, seed)
    expected.backward()

    values = [solution.Value(n) for n in numbers]
    result = grow(values, seed)
    result.backward()

    assert result.data == pytest.approx(expected.item(), rel=1e-12)
    got = [value.grad for value in values]
    assert got == pytest.approx([leaf.grad.item() for leaf in leaves], rel=1e-9, abs=1e-12)


def test_agrees_with_finite_differences(solution):
    def f(a, b):
        return (a * b + a.exp()).tanh() / (b * b + 1) + (a - b) ** 3

    a, b, h = 0.3, -0.7, 1e-6
    values = [solution.Value(n) for n in (a, b)]
    f(*values).backward()

    def at(a, b):
        return f(solution.Value(a), solution.Value(b)).data

    slopes = (at(a + h, b) - at(a - h, b)) / (2 * h), (at(a, b + h) - at(a, b - h)) / (2 * h)
    assert [value.grad for value in values] == pytest.approx(slopes, rel=1e-8)
