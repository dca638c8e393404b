"""Against the recurrence written in numpy, and torch's attention where both agree."""

import numpy
import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

SHAPES = [(1, 1, 1, 4, 4), (2, 3, 9, 8, 5), (2, 2, 17, 3, 6)]


def recurrence(q, k, v):
    """Equations 16 to 20 of the paper, one sequence and head at a time."""
    q, k, v = (x.detach().numpy() for x in (q, k, v))

    def phi(x):
        return numpy.where(x > 0, x + 1, numpy.exp(numpy.minimum(x, 0)))

    out = numpy.zeros(v.shape)
    S, z = (
        numpy.zeros((*q.shape[:2], q.shape[3], v.shape[3])),
        numpy.zeros((*q.shape[:2], q.shape[3])),
    )
    for b in range(q.shape[0]):
        for h in range(q.shape[1]):
            for i in range(q.shape[2]):
                S[b, h] += numpy.outer(phi(k[b, h, i]), v[b, h, i])
                z[b, h] += phi(k[b, h, i])
                out[b, h, i] = phi(q[b, h, i]) @ S[b, h] / (phi(q[b, h, i]) @ z[b, h])
    return torch.from_numpy(out), (torch.from_numpy(S), torch.from_numpy(z))


def inputs(B, H, T, D, D_v):
    torch.manual_seed(0)
    shapes = (B, H, T, D), (B, H, T, D), (B, H, T, D_v)
    return [torch.randn(shape, dtype=torch.float64) for shape in shapes]


@pytest.mark.parametrize("shape", SHAPES)
def test_recurrence(solution, shape):
    q, k, v = inputs(*shape)
    out, state = recurrence(q, k, v)

    torch.testing.assert_close(solution.linear_attention_parallel(q, k, v), out)
    for size in (1, 4, 64):
        actual = solution.linear_attention_chunked(q, k, v, chunk_size=size)
        torch.testing.assert_close(actual, (out, state))
    step_state = None
    for t in range(shape[2]):
        step, step_state = solution.linear_attention_step(
            q[:, :, t], k[:, :, t], v[:, :, t], step_state
        )
        torch.testing.assert_close(step, out[:, :, t])
    torch.testing.assert_close(step_state, state)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("form", ["parallel", "chunked"])
def test_softmax_of_the_logarithm(solution, shape, form):
    """Weights that are proportional to s are the softmax of log s: torch's attention by a bias."""
    q, k, v = (x.requires_grad_() for x in inputs(*shape))
    phi_q, phi_k = (torch.nn.functional.elu(x) + 1 for x in (q, k))
    later = torch.ones(shape[2], shape[2]).triu(1).bool()
    bias = (phi_q @ phi_k.mT).log().masked_fill(later, -torch.inf)

    expected = scaled_dot_product_attention(q, k, v, attn_mask=bias, scale=0.0)
    if form == "parallel":
        actual = solution.linear_attention_parallel(q, k, v)
    else:
        actual, _ = solution.linear_attention_chunked(q, k, v, chunk_size=5)

    torch.testing.assert_close(actual, expected)
    cotangent = torch.randn_like(expected)
    torch.testing.assert_close(
        torch.autograd.grad(actual, [q, k, v], cotangent),
        torch.autograd.grad(expected, [q, k, v], cotangent),
    )
