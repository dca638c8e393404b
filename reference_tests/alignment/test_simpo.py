"""Values are compared in float64, where only logic, not rounding, can differ."""

import math

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits, mse_loss

from grader.testing import assert_close, assert_same_gradients

PAIR = ("chosen_log_prob", "rejected_log_prob", "ref_chosen_log_prob", "ref_rejected_log_prob")


def make_log_probs(B=5, n=4, dtype=torch.float64):
    """Log-probabilities of responses some 20 tokens long."""
    return [-40 + 5 * torch.randn(B, dtype=dtype) for _ in range(n)]


def make_lengths(B=5):
    return torch.randint(10, 20, (B,)), torch.randint(20, 40, (B,))


def column(*values):
    return torch.tensor(values, dtype=torch.float64)


def simpo_from_torch(chosen, rejected, chosen_length, rejected_length, beta=2.0, gamma=1.0):
    margin = beta * (chosen / chosen_length - rejected / rejected_length) - gamma
    return binary_cross_entropy_with_logits(margin, torch.ones_like(margin))


def ipo_from_torch(chosen, rejected, ref_chosen, ref_rejected, tau=0.1):
    margin = (chosen - ref_chosen.detach()) - (rejected - ref_rejected.detach())
    return mse_loss(margin, torch.full_like(margin, 1 / (2 * tau)))


def test_simpo_matches_a_case_worked_by_hand(attempt):
    # means -2 and -3, -5 and -1; margins 3 * 1 - 0.5 = 2.5 and 3 * -4 - 0.5 = -12.5
    pairs = column(-8, -10), column(-6, -5)
    lengths = torch.tensor([4, 2]), torch.tensor([2, 5])
    expected = (math.log1p(math.exp(-2.5)) + 12.5 + math.log1p(math.exp(-12.5))) / 2

    loss, chosen, rejected = attempt.simpo_loss(*pairs, *lengths, beta=3.0, gamma=0.5)

    assert_close(loss, column(expected)[0], label="loss")
    assert_close(chosen, column(-6, -15), label="chosen_rewards")
    assert_close(rejected, column(-9, -3), label="rejected_rewards")


@pytest.mark.parametrize(
    "B, options",
    [
        pytest.param(5, {}, id="defaults"),
        pytest.param(5, {"beta": 10.0, "gamma": 3.0}, id="large-beta"),
        pytest.param(3, {"beta": 0.5, "gamma": 0.0}, id="no-margin"),
        pytest.param(1, {"beta": 2.5, "gamma": 1.4}, id="one-pair"),
    ],
)
def test_simpo_and_its_gradients_match_torch(attempt, B, options):
    lengths = make_lengths(B)

    assert_same_gradients(
        lambda c, r: attempt.simpo_loss(c, r, *lengths, **options)[0],
        lambda c, r: simpo_from_torch(c, r, *lengths, **options),
        *make_log_probs(B, 2),
        names=PAIR[:2],
    )


def test_each_pair_has_its_own_loss(attempt):
    # one pair far right, one far wrong: about 0 and 200
    ones = torch.ones(2, dtype=torch.int64)

    loss, _, _ = attempt.simpo_loss(
        column(-1, -201), column(-201, -1), ones, ones, beta=1.0, gamma=0.0
    )

    assert_close(loss, column(100)[0], label="loss")


@pytest.mark.parametrize(
    "chosen, loss, slope",
    [
        pytest.param(-1.0, 0.0, 0.0, id="right"),
        pytest.param(-10001.0, 5000.0, -0.5, id="wrong"),
        pytest.param(-2001.0, 1000.0, -0.5, id="wrong-by-a-thousand"),
    ],
)
def test_loss_and_gradient_are_exact_for_any_rewards(attempt, chosen, loss, slope):
    leaf = column(chosen).requires_grad_()
    rejected = -5001.0 if chosen == -1.0 else -0.5
    lengths = torch.tensor([2]), torch.tensor([1])

    got, _, _ = attempt.simpo_loss(leaf, column(rejected), *lengths, beta=1.0, gamma=0.0)
    assert got.requires_grad, "the loss is cut off from the policy: no gradient flows back"
    (gradient,) = torch.autograd.grad(got, leaf)

    assert_close(got, column(loss)[0], label="loss")
    assert_close(gradient, column(slope), label="the gradient of chosen_log_prob")


def test_rewards_carry_no_gradient(attempt):
    pairs = [x.requires_grad_() for x in make_log_probs(n=2)]

    _, chosen, rejected = attempt.simpo_loss(*pairs, *make_lengths())

    assert not chosen.requires_grad, "chosen_rewards carry a gradient: detach them"
    assert not rejected.requires_grad, "rejected_rewards carry a gradient: detach them"


def test_simpo_of_float32_stays_float32(attempt):
    pairs, lengths = make_log_probs(n=2, dtype=torch.float32), make_lengths()
    expected = simpo_from_torch(*(x.double() for x in pairs), *lengths).float()

    loss, chosen, _ = attempt.simpo_loss(*pairs, *lengths)

    assert_close(loss, expected, label="loss")
    assert_close(chosen, 2 * pairs[0] / lengths[0], label="chosen_rewards")


@pytest.mark.parametrize(
    "beta, gamma",
    [
        pytest.param(0.0, 1.0, id="beta-zero"),
        pytest.param(-1.0, 1.0, id="beta-negative"),
        pytest.param(2.0, -0.1, id="gamma-negative"),
    ],
)
def test_simpo_rejects_settings_out_of_range(attempt, beta, gamma):
    with pytest.raises(ValueError):
        attempt.simpo_loss(*make_log_probs(n=2), *make_lengths(), beta=beta, gamma=gamma)


def test_ipo_matches_a_case_worked_by_hand(attempt):
    # margins 2 - 0.5 = 1.5 and -1 - 3 = -4, the target 1 / 0.5 = 2
    log_probs = column(-1, -4), column(-3, -3), column(-2, -5), column(-2.5, -8)
    expected = (0.5**2 + 6**2) / 2

    assert_close(attempt.ipo_loss(*log_probs, tau=0.25), column(expected)[0])


@pytest.mark.parametrize(
    "B, options",
    [
        pytest.param(5, {}, id="default"),
        pytest.param(4, {"tau": 0.5}, id="strong"),
        pytest.param(1, {"tau": 2.0}, id="one-pair"),
    ],
)
def test_ipo_gradients_are_those_of_the_formula(attempt, B, options):
    assert_same_gradients(
        lambda *x: attempt.ipo_loss(*x, **options),
        lambda *x: ipo_from_torch(*x, **options),
        *make_log_probs(B),
        names=PAIR,
    )


def test_a_margin_beyond_the_target_costs(attempt):
    # the target is 5; margins 4 and 7
    zeros = column(0, 0)

    assert_close(attempt.ipo_loss(column(4, 7), zeros, zeros, zeros), column(2.5)[0])


def test_the_reference_may_be_the_policy_itself(attempt):
    # same tensors as policy and reference: only the policy's side may carry a gradient
    chosen, rejected = (x.requires_grad_() for x in make_log_probs(4, 2))

    loss = attempt.ipo_loss(chosen, rejected, chosen, rejected, tau=0.25)
    assert loss.requires_grad, "the loss is cut off from the policy: no gradient flows back"
    chosen_gradient, rejected_gradient = torch.autograd.grad(loss, [chosen, rejected])

    # 2 * (0 - 2) / 4
    assert_close(loss, column(4)[0], label="loss")
    assert_close(chosen_gradient, column(*[-1] * 4), label="the gradient of chosen_log_prob")
    assert_close(rejected_gradient, column(*[1] * 4), label="the gradient of rejected_log_prob")


def test_ipo_of_float32_stays_float32(attempt):
    log_probs = make_log_probs(dtype=torch.float32)
    expected = ipo_from_torch(*(x.double() for x in log_probs)).float()

    assert_close(
        attempt.ipo_loss(*log_probs),
        expected,
        rtol=1e-4,
        atol=1e-4,
        why="margins of some 10 from log-probabilities of some 40, squared, in float32",
    )


@pytest.mark.parametrize("tau", [0.0, -0.1])
def test_ipo_rejects_a_tau_that_is_not_positive(attempt, tau):
    with pytest.raises(ValueError):
        attempt.ipo_loss(*make_log_probs(), tau=tau)
