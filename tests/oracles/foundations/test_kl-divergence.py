"""torch.distributions, torch's kl_div, scipy, and exact values."""

import math

import pytest
import scipy.special
import torch
from torch.distributions import Categorical, kl_divergence
from torch.nn import functional


def make_inputs(shape, dtype=torch.float64):
    torch.manual_seed(0)
    return [3 * torch.randn(shape, dtype=dtype) for _ in range(2)]


@pytest.mark.parametrize("shape", [(5,), (4, 7), (2, 3, 5)], ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_agrees_with_torch_distributions(solution, shape, dtype):
    inputs = make_inputs(shape, dtype)
    leaves = [[x.clone().requires_grad_() for x in inputs] for _ in range(2)]
    expected = kl_divergence(*(Categorical(logits=x) for x in leaves[0]))
    result = solution.kl_divergence(*leaves[1], reduction="none")

    torch.testing.assert_close(result, expected)
    expected.sum().backward()
    result.sum().backward()
    for got, want in zip(leaves[1], leaves[0], strict=True):
        torch.testing.assert_close(got.grad, want.grad, rtol=1e-4, atol=1e-5)


def test_the_mean_is_torchs_batchmean(solution):
    p, q = make_inputs((4, 7))
    expected = functional.kl_div(
        q.log_softmax(-1), p.log_softmax(-1), reduction="batchmean", log_target=True
    )

    torch.testing.assert_close(solution.kl_divergence(p, q), expected)


def test_agrees_with_scipy_where_tokens_are_masked(solution):
    p, q = make_inputs((6, 5))
    p[0, 1] = p[2, 3] = q[2, 3] = q[4, 0] = -torch.inf
    terms = scipy.special.rel_entr(p.softmax(-1).numpy(), q.softmax(-1).numpy())

    result = solution.kl_divergence(p, q, reduction="none")

    assert result[4].item() == math.inf
    torch.testing.assert_close(result, torch.from_numpy(terms.sum(axis=-1)))


def test_agrees_with_an_exact_value(solution):
    p = torch.tensor([0.5, 0.5], dtype=torch.float64).log()
    q = torch.tensor([0.25, 0.75], dtype=torch.float64).log()

    assert solution.kl_divergence(p, q).item() == pytest.approx(0.5 * math.log(4 / 3))


def test_the_gradient_of_q_is_the_difference_of_probabilities(solution):
    p, q = make_inputs((6, 5))
    q.requires_grad_()
    solution.kl_divergence(p, q, reduction="sum").backward()

    torch.testing.assert_close(q.grad, q.detach().softmax(-1) - p.softmax(-1))
