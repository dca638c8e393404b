"""torch.nn.Dropout: the same formula, moments and limits; masks differ, as generators are used."""

import pytest
import torch
from scipy.stats import binomtest, ks_2samp


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_has_the_moments_of_torch(solution, p):
    torch.manual_seed(0)
    x = torch.randn(400, 500, dtype=torch.float64) + 1
    expected, result = torch.nn.Dropout(p)(x), solution.dropout(x, p)

    for moment in (torch.mean, torch.std):
        assert moment(result).item() == pytest.approx(moment(expected).item(), rel=0.03)
    assert binomtest(int((result == 0).sum()), x.numel(), p).pvalue > 1e-4
    assert ks_2samp(result[:40].flatten().numpy(), expected[:40].flatten().numpy()).pvalue > 1e-4


@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
def test_kept_numbers_are_those_of_torch(solution, p, dtype):
    torch.manual_seed(0)
    x = (1 + torch.rand(3000)).to(dtype)
    expected, result = torch.nn.Dropout(p)(x), solution.dropout(x, p)

    both = (expected != 0) & (result != 0)
    assert both.any() == (p < 1)
    torch.testing.assert_close(result[both], expected[both], rtol=2**-7, atol=0)


@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
def test_inference_is_that_of_torch(solution, p):
    x = torch.randn(4, 5)

    assert torch.equal(solution.dropout(x, p, training=False), torch.nn.Dropout(p).eval()(x))


def test_the_gradient_is_the_factor_of_each_number(solution):
    torch.manual_seed(0)
    x = (1 + torch.rand(500, dtype=torch.float64)).requires_grad_()
    result = solution.dropout(x, 0.2)
    result.sum().backward()

    torch.testing.assert_close(x.grad, (result / x).detach())


def test_the_mean_over_many_masks_is_x(solution):
    torch.manual_seed(0)
    x = torch.tensor([3.0, -1.0, 0.5], dtype=torch.float64)
    mean = solution.dropout(x.expand(40_000, 3), 0.4).mean(dim=0)

    # five standard deviations of the mean, |x| sqrt(p / (1 - p) / n)
    assert ((mean - x).abs() < 5 * x.abs() * (0.4 / 0.6 / 40_000) ** 0.5).all()
