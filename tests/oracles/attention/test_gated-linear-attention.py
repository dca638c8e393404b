"""Against the recurrence in numpy, torch's gradcheck, and a closed form for equal gates."""

import numpy
import pytest
import torch

SHAPES = [(1, 1, 1, 4, 4), (2, 3, 9, 8, 5), (2, 2, 17, 3, 6)]


def inputs(B, H, T, D, D_v):
    torch.manual_seed(0)
    q, k, x = torch.randn(3, B, H, T, D, dtype=torch.float64)
    v = torch.randn(B, H, T, D_v, dtype=torch.float64)
    return q, k, v, torch.nn.functional.logsigmoid(x) / 2


def forms(solution, *args, state=None):
    yield solution.gla_recurrent(*args, state=state)
    for size in (1, 4, 64):
        yield solution.gla_chunked(*args, chunk_size=size, state=state)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("started", [False, True])
def test_recurrence(solution, shape, started):
    """Equation 3 of the paper with the scale of fla, one sequence and head at a time."""
    args = inputs(*shape)
    B, H, T, D, D_v = shape
    state = torch.randn(B, H, D, D_v, dtype=torch.float64) if started else None
    q, k, v, g = (x.numpy() for x in args)
    S = state.numpy().copy() if started else numpy.zeros((B, H, D, D_v))
    out = numpy.zeros((B, H, T, D_v))
    for b in range(B):
        for h in range(H):
            for t in range(T):
                S[b, h] = numpy.diag(numpy.exp(g[b, h, t])) @ S[b, h]
                S[b, h] += numpy.outer(k[b, h, t], v[b, h, t])
                out[b, h, t] = q[b, h, t] @ S[b, h] / numpy.sqrt(D)
    expected = torch.from_numpy(out), torch.from_numpy(S)

    for actual in forms(solution, *args, state=state):
        torch.testing.assert_close(actual, expected)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("gate", [1.0, 0.9, 0.01])
def test_equal_gates(solution, shape, gate):
    q, k, v, _ = inputs(*shape)
    g = torch.full_like(q, gate).log()
    t = torch.arange(shape[2], dtype=torch.float64)
    fade = (gate ** (t[:, None] - t)).tril()

    expected = (q @ k.mT * fade) @ v / shape[3] ** 0.5

    for actual, _ in forms(solution, q, k, v, g):
        torch.testing.assert_close(actual, expected)


def test_gradients(solution):
    leaves = [x.requires_grad_() for x in inputs(1, 1, 5, 2, 3)]
    state = torch.randn(1, 1, 2, 3, dtype=torch.float64, requires_grad=True)

    for form in range(4):
        assert torch.autograd.gradcheck(
            lambda *args, form=form: list(forms(solution, *args[:4], state=args[4]))[form],
            (*leaves, state),
        )
