"""Against numpy, torch's mse_loss, and what the clip is for."""

import numpy as np
import pytest
import torch
from torch.nn.functional import mse_loss


def make_batch(B=6, T=9):
    torch.manual_seed(B * T)
    values, step, error = torch.randn(3, B, T, dtype=torch.float64)
    mask = torch.arange(T) < torch.randint(1, T + 1, (B, 1))
    return values + step, values + 2 * error, values, mask


@pytest.mark.parametrize(("B", "T"), [(6, 9), (3, 20), (8, 1)])
@pytest.mark.parametrize("c", [0.05, 0.5, 2.0])
def test_follows_verl_in_numpy(solution, B, T, c):
    vpreds, returns, values, mask = make_batch(B, T)
    v, r, old = (x.numpy()[mask.numpy()] for x in (vpreds, returns, values))
    plain, clipped = (v - r) ** 2, (np.clip(v, old - c, old + c) - r) ** 2

    loss, share = solution.compute_value_loss(vpreds, returns, values, mask, c)

    assert loss.item() == pytest.approx(0.5 * np.maximum(plain, clipped).mean(), rel=1e-12)
    assert share.item() == pytest.approx((clipped > plain).mean(), rel=1e-12)


def test_a_wide_range_is_half_of_the_mean_squared_error(solution):
    vpreds, returns, values, mask = make_batch()
    vpreds.requires_grad_()
    expected = mse_loss(vpreds[mask], returns[mask]) / 2

    loss, share = solution.compute_value_loss(vpreds, returns, values, mask, 1e9)

    torch.testing.assert_close(loss, expected)
    assert share.item() == 0
    torch.testing.assert_close(
        torch.autograd.grad(loss, vpreds), torch.autograd.grad(expected, vpreds)
    )


def test_the_loss_is_never_below_the_squared_error(solution):
    vpreds, returns, values, mask = make_batch(30, 30)
    plain = mse_loss(vpreds[mask], returns[mask]) / 2

    loss, share = solution.compute_value_loss(vpreds, returns, values, mask, 0.2)

    assert share.item() > 0.1
    assert loss > plain


def test_gradient_descent_stops_at_the_edge_of_the_range(solution):
    """A critic that starts at its old value goes as far as the range and one step further."""
    values = torch.zeros(1, 4, dtype=torch.float64)
    returns = torch.tensor([[5.0, -5.0, 0.25, -0.25]], dtype=torch.float64)
    vpreds, mask = values.clone().requires_grad_(), torch.ones(1, 4, dtype=torch.bool)
    for _ in range(2000):
        loss, _ = solution.compute_value_loss(vpreds, returns, values, mask, 0.5)
        (gradient,) = torch.autograd.grad(loss, vpreds)
        with torch.no_grad():
            vpreds -= 0.01 * gradient

    expected = torch.tensor([[0.5, -0.5, 0.25, -0.25]], dtype=torch.float64)
    torch.testing.assert_close(vpreds.detach(), expected, rtol=0, atol=0.015)
