"""Values are compared in float64, where only logic, not rounding, can differ."""

import math

import pytest
import torch

from grader.testing import assert_close, assert_same_gradients

NAMES = ("pg_loss", "pg_clipfrac", "ppo_kl", "pg_clipfrac_lower")


def make_batch(B=6, T=7, spread=0.4, dtype=torch.float64):
    """Tokens inside and outside of every clip, advantages of both signs, a mask with gaps."""
    log_prob = -2 + torch.randn(B, T, dtype=dtype)
    old_log_prob = log_prob + spread * torch.randn(B, T, dtype=dtype)
    # ratios of about 4, beyond the dual clip, at every third token
    old_log_prob[:, ::3] = log_prob[:, ::3] - 1.4
    advantages = torch.randn(B, T, dtype=dtype).abs() + 0.5
    advantages[::2] *= -1
    response_mask = torch.arange(T) < torch.arange(B)[:, None] % T + 2
    response_mask[3:5, T // 3] = False
    return old_log_prob, log_prob, advantages, response_mask


def scalar(value):
    return torch.tensor(value, dtype=torch.float64)


def tokens(ratios, advantages):
    """A batch of one response, given by its ratios."""
    log_prob = torch.full((1, len(ratios)), -1.0, dtype=torch.float64)
    log_ratio = torch.tensor([ratios], dtype=torch.float64).log()
    A = torch.tensor([advantages], dtype=torch.float64)
    return log_prob - log_ratio, log_prob, A, torch.ones(1, len(ratios), dtype=torch.bool)


def token_by_token(old_log_prob, log_prob, advantages, response_mask, low, high, c):
    """Four sums over Python floats."""
    loss = clips = kl = lower = count = 0.0
    for row, step in response_mask.nonzero().tolist():
        A = advantages[row, step].item()
        log_ratio = (log_prob[row, step] - old_log_prob[row, step]).item()
        log_ratio = min(max(log_ratio, -20.0), 20.0)
        ratio = math.exp(log_ratio)
        gain, clipped_gain = ratio * A, min(max(ratio, 1 - low), 1 + high) * A
        clips += clipped_gain < gain
        gain = min(gain, clipped_gain)
        if A < 0 and gain < c * A:
            gain = c * A
            lower += 1
        loss -= gain
        kl -= log_ratio
        count += 1
    return [scalar(x / max(count, 1)) for x in (loss, clips, kl, lower)]


def check(got, expected):
    assert len(got) == 4, f"expected four results, got {len(got)}"
    for name, value, want in zip(NAMES, got, expected, strict=True):
        assert_close(value, want, label=name)


def gradient_of(attempt, old_log_prob, log_prob, *rest, **options):
    leaf = log_prob.detach().clone().requires_grad_()
    loss = attempt.compute_policy_loss(old_log_prob, leaf, *rest, **options)[0]
    assert loss.requires_grad, "the loss is cut off from log_prob: no gradient flows back"
    return torch.autograd.grad(loss, leaf)[0]


@pytest.mark.parametrize(
    "B, T, cliprange, low, high, c",
    [
        pytest.param(6, 7, 0.2, None, None, 3.0, id="defaults"),
        pytest.param(3, 9, 0.1, None, None, 3.5, id="narrow"),
        pytest.param(4, 5, 0.2, 0.1, 0.4, 2.0, id="clip-higher"),
        pytest.param(5, 5, 0.3, 0.05, None, 1.5, id="only-low-given"),
        pytest.param(5, 4, 0.3, None, 0.6, 1.2, id="only-high-given"),
        pytest.param(4, 1, 0.2, 0.0, 0.25, 3.0, id="one-token-and-low-zero"),
    ],
)
def test_follows_the_four_sums(attempt, B, T, cliprange, low, high, c):
    batch = make_batch(B, T)
    bounds = (cliprange if low is None else low, cliprange if high is None else high)
    expected = token_by_token(*batch, *bounds, c)

    got = attempt.compute_policy_loss(
        *batch, cliprange=cliprange, cliprange_low=low, cliprange_high=high, clip_ratio_c=c
    )

    check(got, expected)


def test_matches_a_case_worked_by_hand(attempt):
    # A = 2: ratio 1.5 is cut to 1.2, 0.5 stays; A = -1: 0.5 is raised to 0.8, 2 stays,
    # 5 is cut to 3. Losses -2.4, -1, 0.8, 2, 3
    batch = tokens([1.5, 0.5, 0.5, 2.0, 5.0], [2.0, 2.0, -1.0, -1.0, -1.0])
    kl = -math.log(1.5 * 0.5 * 0.5 * 2 * 5) / 5
    expected = [scalar(2.4 / 5), scalar(2 / 5), scalar(kl), scalar(1 / 5)]

    check(attempt.compute_policy_loss(*batch), expected)


@pytest.mark.parametrize(
    "ratio, A, slope",
    [
        pytest.param(1.5, 2.0, 0.0, id="too-likely-and-good"),
        pytest.param(0.5, 2.0, -1.0, id="too-rare-and-good"),
        pytest.param(0.5, -2.0, 0.0, id="too-rare-and-bad"),
        pytest.param(1.5, -2.0, 3.0, id="too-likely-and-bad"),
        pytest.param(4.0, -2.0, 0.0, id="far-too-likely-and-bad"),
        pytest.param(4.0, 0.0, 0.0, id="no-advantage"),
        pytest.param(1.1, 2.0, -2.2, id="inside"),
    ],
)
def test_only_a_step_too_far_in_the_right_direction_stops_learning(attempt, ratio, A, slope):
    got = gradient_of(attempt, *tokens([ratio], [A]))

    assert_close(got, scalar([[slope]]), label="the gradient of log_prob")


def test_the_dual_clip_leaves_good_tokens_alone(attempt):
    batch = tokens([1.125, 4.0], [1.0, -1.0])

    loss, _, _, lower = attempt.compute_policy_loss(*batch, clip_ratio_c=2.0)

    assert_close(loss, scalar((-1.125 + 2) / 2), label="pg_loss")
    assert_close(lower, scalar(0.5), label="pg_clipfrac_lower")


def test_the_dual_clip_leaves_the_ratio_of_good_tokens_alone(attempt):
    # a clip range that reaches beyond clip_ratio_c: the good token is not cut at 2
    batch = tokens([4.0, 4.0], [1.0, -1.0])

    loss, _, _, lower = attempt.compute_policy_loss(*batch, cliprange=9.0, clip_ratio_c=2.0)

    assert_close(loss, scalar((-4 + 2) / 2), label="pg_loss")
    assert_close(lower, scalar(0.5), label="pg_clipfrac_lower")


@pytest.mark.parametrize(
    "low, high, loss",
    [
        pytest.param(0.5, 0.25, (-1.25 + 1.0) / 2, id="both"),
        pytest.param(0.5, None, (-1.125 + 1.0) / 2, id="low"),
        pytest.param(None, 0.25, (-1.25 + 1.75) / 2, id="high"),
        pytest.param(0.0, 0.0, (-1.0 + 2.0) / 2, id="zero-is-not-none"),
    ],
)
def test_each_side_has_its_own_clip_range(attempt, low, high, loss):
    batch = tokens([2.0, 0.25], [1.0, -2.0])

    got = attempt.compute_policy_loss(
        *batch, cliprange=0.125, cliprange_low=low, cliprange_high=high
    )

    assert_close(got[0], scalar(loss), label="pg_loss")


def test_the_gradient_is_that_of_the_formula(attempt, reference):
    batch = make_batch()
    constants = (batch[0], batch[2], batch[3])

    def loss_of(module):
        def loss(log_prob):
            old, A, mask = constants
            return module.compute_policy_loss(old, log_prob, A, mask, 0.2, 0.1, 0.4, 2.0)[0]

        return loss

    assert_same_gradients(loss_of(attempt), loss_of(reference), batch[1], names=("log_prob",))


def test_the_first_step_is_a_plain_policy_gradient(attempt):
    # old_log_prob is log_prob itself: every ratio is 1, and still there is a gradient
    _, log_prob, advantages, response_mask = make_batch()
    log_prob.requires_grad_()
    expected = -advantages * response_mask / response_mask.sum()

    loss = attempt.compute_policy_loss(log_prob, log_prob, advantages, response_mask)[0]
    assert loss.requires_grad, "the loss is cut off from log_prob: no gradient flows back"
    (gradient,) = torch.autograd.grad(loss, log_prob)

    assert_close(gradient, expected, label="the gradient of log_prob")


def test_advantages_are_constants(attempt, reference):
    old_log_prob, log_prob, advantages, response_mask = make_batch()
    leaf = log_prob.clone().requires_grad_()
    expected = gradient_of(reference, old_log_prob, log_prob, advantages, response_mask)

    # advantages that come from the policy, as an entropy bonus would
    tied = advantages + leaf - leaf.detach()
    loss = attempt.compute_policy_loss(old_log_prob, leaf, tied, response_mask)[0]
    assert loss.requires_grad, "the loss is cut off from log_prob: no gradient flows back"
    (gradient,) = torch.autograd.grad(loss, leaf)

    assert_close(gradient, expected, label="the gradient of log_prob")


def test_metrics_carry_no_gradient(attempt):
    old_log_prob, log_prob, *rest = make_batch()

    results = attempt.compute_policy_loss(old_log_prob, log_prob.requires_grad_(), *rest)

    for name, value in zip(NAMES[1:], results[1:], strict=True):
        assert not value.requires_grad, f"{name} carries a gradient: detach it"


def test_a_huge_log_ratio_is_clamped(attempt):
    # exp(20) and exp(-20); without the clamp exp(1000) is inf
    log_prob = torch.tensor([[-1.0, -1001.0, -1.0]], dtype=torch.float64)
    old_log_prob = torch.tensor([[-1001.0, -1.0, -22.0]], dtype=torch.float64)
    A = torch.tensor([[-1.0, 2.0, -4.0]], dtype=torch.float64)
    response_mask = torch.ones(1, 3, dtype=torch.bool)
    # 20 in place of 1000, -20 in place of -1000, 20 in place of 21
    expected = [(math.exp(20) - 2 * math.exp(-20) + 4 * math.exp(20)) / 3, -20 / 3]

    loss, _, kl, _ = attempt.compute_policy_loss(
        old_log_prob, log_prob, A, response_mask, clip_ratio_c=1e12
    )

    assert_close(loss, scalar(expected[0]), label="pg_loss")
    assert_close(kl, scalar(expected[1]), label="ppo_kl")


def test_no_gradient_flows_through_the_clamp_of_the_log_ratio(attempt):
    log_prob = torch.tensor([[-1.0, -25.0, -2.0]], dtype=torch.float64)
    old_log_prob = torch.tensor([[-25.0, -1.0, -2.0]], dtype=torch.float64)
    A = torch.tensor([[-1.0, 2.0, 3.0]], dtype=torch.float64)
    response_mask = torch.ones(1, 3, dtype=torch.bool)

    got = gradient_of(attempt, old_log_prob, log_prob, A, response_mask, clip_ratio_c=1e12)

    assert_close(got, scalar([[0.0, 0.0, -1.0]]), label="the gradient of log_prob")


def test_long_responses_weigh_more(attempt):
    zeros = torch.zeros(2, 10, dtype=torch.float64)
    response_mask = torch.arange(10) < torch.tensor([9, 1])[:, None]
    advantages = scalar([[1.0], [3.0]]).expand(2, 10)

    # (9 * 1 + 1 * 3) / 10
    loss = attempt.compute_policy_loss(zeros, zeros, advantages, response_mask)[0]

    assert_close(loss, scalar(-1.2), label="pg_loss")


def test_a_batch_without_response_tokens_gives_zeros(attempt):
    *tensors, response_mask = make_batch()
    expected = [scalar(0.0)] * 4

    check(attempt.compute_policy_loss(*tensors, torch.zeros_like(response_mask)), expected)


def test_a_batch_without_response_tokens_has_gradient_zero(attempt):
    *tensors, response_mask = make_batch()
    expected = torch.zeros_like(tensors[1])

    got = gradient_of(attempt, *tensors, torch.zeros_like(response_mask))

    assert_close(got, expected, label="the gradient of log_prob")


PADDING = pytest.mark.parametrize(
    "tensors, value",
    [
        pytest.param((0, 1, 2), math.nan, id="nan-in-all-three"),
        pytest.param((0,), -math.inf, id="minus-inf-in-old-log-prob"),
        pytest.param((1,), math.inf, id="inf-in-log-prob"),
        pytest.param((1,), -math.inf, id="minus-inf-in-log-prob"),
        pytest.param((2,), math.inf, id="inf-in-advantages"),
        pytest.param((2,), -10000.0, id="minus-ten-thousand-in-advantages"),
    ],
)


def padded(batch, tensors, value):
    """The batch with value wherever the mask is false, in the tensors with these indices."""
    response_mask = batch[3]
    return [
        x.masked_fill(~response_mask, value) if i in tensors else x for i, x in enumerate(batch)
    ]


@PADDING
def test_padding_changes_no_result(attempt, tensors, value):
    batch = make_batch()
    expected = token_by_token(*batch, 0.2, 0.2, 3.0)

    check(attempt.compute_policy_loss(*padded(batch, tensors, value)), expected)


@PADDING
def test_padding_does_not_change_the_gradient(attempt, reference, tensors, value):
    batch = make_batch()
    expected = gradient_of(reference, *batch)

    got = gradient_of(attempt, *padded(batch, tensors, value))

    assert_close(got, expected, label="the gradient of log_prob")


def test_half_precision_is_computed_in_float32(attempt, reference):
    batch = make_batch(dtype=torch.bfloat16)
    exact = reference.compute_policy_loss(*(x.double() for x in batch[:3]), batch[3])

    check(attempt.compute_policy_loss(*batch), [x.float() for x in exact])


def test_many_tokens_in_half_precision_are_computed_in_float32(attempt, reference):
    # bfloat16 counts neither all 495 nor the 297 with A < 0, and drops 1/512 from log-ratios
    _, log_prob, advantages, response_mask = make_batch(B=5, T=99, dtype=torch.bfloat16)
    response_mask[:] = True
    log_prob = log_prob.clamp(max=-1)
    batch = torch.full_like(log_prob, -1 / 512), log_prob, advantages, response_mask
    exact = reference.compute_policy_loss(*(x.double() for x in batch[:3]), response_mask)

    check(attempt.compute_policy_loss(*batch), [x.float() for x in exact])


def test_float32_stays_float32(attempt, reference):
    batch = make_batch(dtype=torch.float32)
    exact = reference.compute_policy_loss(*(x.double() for x in batch[:3]), batch[3])

    check(attempt.compute_policy_loss(*batch), [x.float() for x in exact])


def test_float64_is_computed_in_float64(attempt):
    # float32 numbers near -100 lie 8e-6 apart: 3e-6 is lost
    _, log_prob, *rest = make_batch()
    log_prob = log_prob.round() - 100
    batch = log_prob - 3e-6, log_prob, *rest
    expected = token_by_token(*batch, 0.2, 0.2, 3.0)

    check(attempt.compute_policy_loss(*batch), expected)


@pytest.mark.parametrize("c", [1.0, 0.5, -3.0])
def test_rejects_a_dual_clip_inside_the_first(attempt, c):
    with pytest.raises(ValueError):
        attempt.compute_policy_loss(*make_batch(), clip_ratio_c=c)
