"""Values are compared in float64, where only logic, not rounding, can differ."""

import math

import pytest
import torch

from grader.testing import assert_close, assert_equal, assert_follows_device, assert_same_gradients

NAMES = ("log_prob", "ref_log_prob", "kl_log_prob", "ref_kl_log_prob")


def make_batch(B=7, drift=4.0, dtype=torch.float64):
    """Log-probabilities of responses some 20 tokens long; drift is about the KL."""
    ref, ref_kl = -40 + 5 * torch.randn(2, B, dtype=torch.float64)
    log_prob = ref + 3 + 4 * torch.randn(B, dtype=torch.float64)
    kl_log_prob = ref_kl + drift + torch.randn(B, dtype=torch.float64)
    desirable = torch.arange(B) % 3 != 1
    return [x.to(dtype) for x in (log_prob, ref, kl_log_prob, ref_kl)] + [desirable]


def column(*values):
    return torch.tensor(values, dtype=torch.float64)


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def one_by_one(log_prob, ref, kl_log_prob, ref_kl, desirable, beta=0.1, good=1.0, bad=1.0):
    """A sum over Python floats, and its slopes."""
    B = len(log_prob)
    kl = max(0.0, math.fsum((kl_log_prob.double() - ref_kl.double()).tolist()) / B)
    losses, slopes, rewards = [], [], []
    for p, q, label in zip(log_prob.tolist(), ref.tolist(), desirable.tolist(), strict=True):
        sign, weight = (1, good) if label else (-1, bad)
        value = sigmoid(sign * beta * (p - q - kl))
        losses.append(weight * (1 - value))
        slopes.append(-weight * sign * beta * value * (1 - value) / B)
        rewards.append(beta * (p - q))
    return column(math.fsum(losses) / B)[0], column(kl)[0], column(*rewards), column(*slopes)


def check(got, expected, **options):
    assert len(got) == 3, f"expected three results, got {len(got)}"
    for name, value, want in zip(("loss", "kl", "rewards"), got, expected[:3], strict=True):
        assert_close(value, want, label=name, **options)


def gradient_of(attempt, log_prob, *rest, **options):
    leaf = log_prob.detach().clone().requires_grad_()
    loss = attempt.kto_loss(leaf, *rest, **options)[0]
    assert loss.requires_grad, "the loss is cut off from log_prob: no gradient flows back"
    return torch.autograd.grad(loss, leaf)[0]


@pytest.mark.parametrize("B", [2, 3, 6])
def test_each_prompt_gets_the_next_completion(attempt, B):
    completions = [[*torch.randint(100, (n + 1,)).tolist(), 1000 + n] for n in range(B)]
    expected = [completions[(i + 1) % B] for i in range(B)]

    assert_equal(attempt.mismatched(completions), expected)


@pytest.mark.parametrize("completions", [[], [[1, 2, 3]]], ids=["none", "one"])
def test_rejects_fewer_than_two_completions(attempt, completions):
    with pytest.raises(ValueError):
        attempt.mismatched(completions)


def test_matches_a_case_worked_by_hand(attempt):
    # kl = (6 - 3 + 3) / 3 = 2; r - kl = 3, -1 and 1; 0.5 * that = 1.5, -0.5 and 0.5
    log_prob, ref = column(-10, -20, -30), column(-15, -21, -33)
    kl_log_prob, ref_kl = column(-4, -13, -7), column(-10, -10, -10)
    desirable = torch.tensor([True, True, False])
    expected = (3 - sigmoid(1.5) - sigmoid(-0.5) - sigmoid(-0.5)) / 3

    got = attempt.kto_loss(log_prob, ref, kl_log_prob, ref_kl, desirable, beta=0.5)

    check(got, (column(expected)[0], column(2)[0], column(2.5, 0.5, 1.5)))


@pytest.mark.parametrize(
    "B, beta, good, bad",
    [
        pytest.param(7, 0.1, 1.0, 1.0, id="usual"),
        pytest.param(6, 0.5, 1.0, 1.33, id="heavier-bad-ones"),
        pytest.param(5, 0.2, 0.7, 0.0, id="bad-ones-ignored"),
        pytest.param(1, 0.1, 2.0, 1.0, id="one-response"),
    ],
)
def test_follows_the_definition(attempt, B, beta, good, bad):
    batch = make_batch(B)
    expected = one_by_one(*batch, beta, good, bad)

    got = attempt.kto_loss(*batch, beta=beta, desirable_weight=good, undesirable_weight=bad)

    check(got, expected)


def test_the_defaults_are_a_tenth_and_equal_weights(attempt):
    batch = make_batch()
    expected = one_by_one(*batch)

    check(attempt.kto_loss(*batch), expected)


def test_a_negative_mean_gives_a_reference_point_of_zero(attempt):
    batch = make_batch(drift=-5.0)
    expected = one_by_one(*batch)

    check(attempt.kto_loss(*batch), expected)


def test_each_kind_has_its_own_weight(attempt):
    # r = kl = 0 everywhere: each loss is half of its weight
    zeros = torch.zeros(4, dtype=torch.float64)
    desirable = torch.tensor([True, False, False, False])

    loss, _, _ = attempt.kto_loss(
        zeros, zeros, zeros, zeros, desirable, desirable_weight=2.0, undesirable_weight=0.5
    )

    assert_close(loss, column((2.0 + 3 * 0.5) / 2 / 4)[0], label="loss")


@pytest.mark.parametrize("label", [True, False], ids=["all-desirable", "none-desirable"])
def test_a_batch_may_hold_one_kind_only(attempt, label):
    *tensors, desirable = make_batch()
    batch = (*tensors, torch.full_like(desirable, label))
    expected = one_by_one(*batch)

    check(attempt.kto_loss(*batch), expected)
    got = gradient_of(attempt, *batch)
    assert_close(got, expected[3], label="the gradient of log_prob")


def test_gradients_follow_the_formula(attempt):
    batch = make_batch()
    expected = one_by_one(*batch, 0.3, 1.5, 0.8)[3]

    got = gradient_of(attempt, *batch, beta=0.3, desirable_weight=1.5, undesirable_weight=0.8)

    assert_close(got, expected, label="the gradient of log_prob")


def test_only_log_prob_gets_a_gradient(attempt, reference):
    *tensors, desirable = make_batch()

    assert_same_gradients(
        lambda *x: attempt.kto_loss(*x, desirable)[0],
        lambda *x: reference.kto_loss(*x, desirable)[0],
        *tensors,
        names=NAMES,
    )


def test_the_reference_may_be_the_policy_itself(attempt):
    # the same tensors on both sides: r and kl are 0, and still there is a gradient
    log_prob, _, kl_log_prob, _, desirable = make_batch()
    leaf = log_prob.clone().requires_grad_()
    signs = torch.where(desirable, -1.0, 1.0).double()

    loss, _, _ = attempt.kto_loss(leaf, leaf, kl_log_prob, kl_log_prob, desirable, beta=0.4)
    assert loss.requires_grad, "the loss is cut off from log_prob: no gradient flows back"
    (gradient,) = torch.autograd.grad(loss, leaf)

    assert_close(loss, column(0.5)[0], label="loss")
    assert_close(gradient, signs * 0.1 / 7, label="the gradient of log_prob")


def test_what_is_logged_carries_no_gradient(attempt):
    *tensors, desirable = make_batch()

    _, kl, rewards = attempt.kto_loss(*(x.requires_grad_() for x in tensors), desirable)

    assert not kl.requires_grad, "kl carries a gradient: detach it"
    assert not rewards.requires_grad, "rewards carry a gradient: detach them"


def test_float32_stays_float32(attempt):
    batch = make_batch(dtype=torch.float32)
    expected = [x.float() for x in one_by_one(*batch)]

    check(
        attempt.kto_loss(*batch),
        expected,
        rtol=1e-5,
        atol=1e-5,
        why="differences of log-probabilities of some 40 in float32",
    )


@pytest.mark.parametrize("beta", [0.0, -0.1])
def test_rejects_a_beta_that_is_not_positive(attempt, beta):
    with pytest.raises(ValueError):
        attempt.kto_loss(*make_batch(), beta=beta)


def test_results_lie_where_log_prob_does(attempt):
    assert_follows_device(attempt.kto_loss, *make_batch(), undesirable_weight=1.5)
