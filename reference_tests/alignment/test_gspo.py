"""Values are compared in float64, where only logic, not rounding, can differ."""

import math

import pytest
import torch

from grader.testing import assert_close, assert_follows_device, assert_same_gradients

NAMES = ("loss", "clip_fraction")
BOTH = pytest.mark.parametrize("name", ["gspo_loss", "gspo_token_loss"])
WIDE = {"clip_low": 0.1, "clip_high": 0.25}


def make_batch(B=6, T=7, dtype=torch.float64):
    """Responses whose ratios lie inside and on both sides of the range, of both signs."""
    response_mask = torch.arange(T) <= torch.arange(B)[:, None] % T
    response_mask[2::3, 1:2] = False
    log_prob = -2 + torch.randn(B, T, dtype=torch.float64)
    shift = torch.tensor([0.5, -0.5, 0.05, -0.04, 0.6, -0.7])[torch.arange(B) % 6]
    noise = 0.3 * torch.randn(B, T, dtype=torch.float64) * response_mask
    noise -= noise.sum(dim=1, keepdim=True) / response_mask.sum(dim=1, keepdim=True)
    old_log_prob = log_prob - shift[:, None] - noise
    advantages = torch.rand(B, dtype=torch.float64) + 0.5
    advantages[1::3] *= -1
    advantages[0::4] *= -1
    return [x.to(dtype) for x in (log_prob, old_log_prob, advantages)] + [response_mask]


def per_token(batch):
    """The batch for gspo_token_loss, each token with an advantage of its own."""
    log_prob, old_log_prob, advantages, response_mask = batch
    scale = 0.5 + torch.rand(log_prob.shape, dtype=torch.float64).to(log_prob.dtype)
    flip = torch.where(torch.rand(log_prob.shape) < 0.3, -1, 1)
    flip[:, 0] = 1  # so that each draw has a clipped token in row 4
    return [log_prob, old_log_prob, advantages[:, None] * scale * flip, response_mask]


def batch_for(name, *args, **kwargs):
    batch = make_batch(*args, **kwargs)
    return batch if name == "gspo_loss" else per_token(batch)


def scalar(value):
    return torch.tensor(value, dtype=torch.float64)


def ratio_of(new, old, mask):
    steps = [a - b for a, b, keep in zip(new, old, mask, strict=True) if keep]
    return math.exp(math.fsum(steps) / len(steps)) if steps else 1.0


def one(ratio, A, low, high):
    """The loss of one item, whether it was clipped, and the slope of its loss in log_prob."""
    plain, clipped = ratio * A, min(max(ratio, 1 - low), 1 + high) * A
    cut = clipped < plain
    return -min(plain, clipped), float(cut), 0.0 if cut else -plain


def by_hand(batch, clip_low=3e-4, clip_high=4e-4):
    """Loss, clip fraction and the gradient of log_prob, over Python floats."""
    B = len(batch[0])
    gradient = torch.zeros(batch[0].shape, dtype=torch.float64)
    loss = fraction = 0.0
    for b, (new, old, A, mask) in enumerate(zip(*(x.tolist() for x in batch), strict=True)):
        steps = [t for t, keep in enumerate(mask) if keep]
        ratio = ratio_of(new, old, mask)
        for t in steps:
            each = one(ratio, A[t] if isinstance(A, list) else A, clip_low, clip_high)
            loss += each[0] / len(steps) / B
            fraction += each[1] / len(steps) / B
            gradient[b, t] = each[2] / len(steps) / B
    return (scalar(loss), scalar(fraction)), gradient


def check(got, expected, **tolerance):
    assert len(got) == 2, f"expected two results, got {len(got)}"
    for name, value, want in zip(NAMES, got, expected, strict=True):
        assert_close(value, want, label=name, **tolerance)


def gradient_of(function, log_prob, *rest, **options):
    leaf = log_prob.detach().clone().requires_grad_()
    loss = function(leaf, *rest, **options)[0]
    assert loss.requires_grad, "the loss is cut off from log_prob: no gradient flows back"
    return torch.autograd.grad(loss, leaf)[0]


@pytest.mark.parametrize(
    "B, T, low, high",
    [
        pytest.param(6, 7, 0.1, 0.25, id="usual"),
        pytest.param(6, 12, 0.02, 0.3, id="long"),
        pytest.param(6, 6, 0.45, 0.04, id="square"),
        pytest.param(5, 1, 0.1, 0.25, id="one-token"),
    ],
)
def test_follows_the_definition(attempt, B, T, low, high):
    batch = make_batch(B, T)
    expected, _ = by_hand(batch, low, high)

    check(attempt.gspo_loss(*batch, clip_low=low, clip_high=high), expected)


def test_matches_a_case_worked_by_hand(attempt):
    # token ratios 4 and 1, whose geometric mean is 2; and 1/8, 1, 1 with 1/2. Padding in between
    log_prob = torch.full((2, 4), -3.0, dtype=torch.float64)
    old_log_prob = log_prob - scalar([[4, 1, 16, 16], [0.125, 1, 16, 1]]).log()
    mask = torch.tensor([[True, True, False, False], [True, True, False, True]])
    advantages = scalar([3.0, -5.0])
    # 2 is cut to 1.25 and 1/2 raised to 0.9: -(1.25 * 3) and 0.9 * 5
    expected = scalar((-3.75 + 4.5) / 2), scalar(1.0)
    # with a wide range nothing is cut: -6 and 2.5
    uncut = scalar(-1.75), scalar(0.0)

    check(attempt.gspo_loss(log_prob, old_log_prob, advantages, mask, **WIDE), expected)
    wide = attempt.gspo_loss(log_prob, old_log_prob, advantages, mask, clip_low=0.75, clip_high=9.0)
    check(wide, uncut)


@BOTH
def test_a_long_response_does_not_overflow(attempt, name):
    # ratios e and 1/e, whose products over 800 tokens are beyond float64
    log_prob = torch.full((2, 800), -3.0, dtype=torch.float64)
    old_log_prob = log_prob + scalar([[-1.0], [1.0]])
    advantages, mask = scalar([-2.0, 2.0]), torch.ones(2, 800, dtype=torch.bool)
    if name == "gspo_token_loss":
        advantages = advantages[:, None].expand(2, 800)
    expected = scalar(math.e - 1 / math.e), scalar(0.0)

    check(getattr(attempt, name)(log_prob, old_log_prob, advantages, mask), expected)


@BOTH
def test_the_default_range_is_three_and_four_ten_thousandths(attempt, name):
    log_prob = torch.zeros(4, 3, dtype=torch.float64)
    ratios = scalar([1.0006, 0.9994, 1.00035, 0.99975])
    mask = torch.ones(4, 3, dtype=torch.bool)
    old_log_prob = log_prob - ratios.log()[:, None]
    # advantages so large that the loss tells 1.0004 from 1.0003
    advantages = scalar([1e6, -1e6, 1e6, -1e6])
    total = 1.0004 - 0.9997 + 1.00035 - 0.99975
    expected = scalar(-1e6 * total / 4), scalar(0.5)
    if name == "gspo_token_loss":
        advantages = advantages[:, None].expand(4, 3)

    check(getattr(attempt, name)(log_prob, old_log_prob, advantages, mask), expected)


@pytest.mark.parametrize(
    "low, high, loss",
    [
        pytest.param(0.5, 0.25, (-1.25 + 1.0) / 2, id="wide-below"),
        pytest.param(0.125, 0.5, (-1.5 + 1.75) / 2, id="wide-above"),
    ],
)
@BOTH
def test_each_side_has_its_own_clip_range(attempt, name, low, high, loss):
    log_prob = torch.zeros(2, 2, dtype=torch.float64)
    old_log_prob = -scalar([[2.0], [0.25]]).log().expand(2, 2)
    advantages = scalar([1.0, -2.0])
    if name == "gspo_token_loss":
        advantages = advantages[:, None].expand(2, 2)
    mask = torch.ones(2, 2, dtype=torch.bool)

    got = getattr(attempt, name)(
        log_prob, old_log_prob, advantages, mask, clip_low=low, clip_high=high
    )

    check(got, (scalar(loss), scalar(1.0)))


@pytest.mark.parametrize(
    "ratio, A, slope",
    [
        pytest.param(1.5, 2.0, 0.0, id="good-and-already-likelier"),
        pytest.param(0.5, -2.0, 0.0, id="bad-and-already-rarer"),
        pytest.param(0.5, 2.0, -1.0, id="good-and-too-rare"),
        pytest.param(1.5, -2.0, 3.0, id="bad-and-too-likely"),
        pytest.param(1.2, 2.0, -2.4, id="inside"),
    ],
)
def test_only_a_step_too_far_in_the_right_direction_is_clipped(attempt, ratio, A, slope):
    log_prob = torch.full((1, 4), -1.0, dtype=torch.float64)
    # the four tokens share the step unevenly
    old_log_prob = log_prob - math.log(ratio) * scalar([[4.0, 0.0, -1.0, 1.0]])
    mask = torch.ones(1, 4, dtype=torch.bool)

    got = gradient_of(attempt.gspo_loss, log_prob, old_log_prob, scalar([A]), mask, **WIDE)

    wanted = torch.full((1, 4), slope / 4, dtype=torch.float64)
    assert_close(got, wanted, label="the gradient of log_prob")


@BOTH
def test_gradients_follow_the_formula(attempt, name):
    batch = batch_for(name)
    _, expected = by_hand(batch, **WIDE)

    got = gradient_of(getattr(attempt, name), *batch, **WIDE)

    assert_close(got, expected, label="the gradient of log_prob")


@BOTH
def test_only_log_prob_gets_a_gradient(attempt, reference, name):
    *tensors, response_mask = batch_for(name)

    assert_same_gradients(
        lambda *x: getattr(attempt, name)(*x, response_mask, **WIDE)[0],
        lambda *x: getattr(reference, name)(*x, response_mask, **WIDE)[0],
        *tensors,
        names=("log_prob", "old_log_prob", "advantages"),
    )


@BOTH
def test_the_first_step_has_a_gradient(attempt, name):
    # old_log_prob is log_prob itself: every ratio is 1
    log_prob, _, advantages, response_mask = batch_for(name)
    A = advantages if advantages.dim() == 2 else advantages[:, None]
    expected = -A * response_mask / response_mask.sum(dim=1, keepdim=True) / len(log_prob)
    leaf = log_prob.clone().requires_grad_()

    loss, _ = getattr(attempt, name)(leaf, leaf, advantages, response_mask)
    assert loss.requires_grad, "the loss is cut off from log_prob: no gradient flows back"
    (gradient,) = torch.autograd.grad(loss, leaf)

    assert_close(gradient, expected, label="the gradient of log_prob")


def test_every_response_weighs_the_same(attempt):
    # nine tokens with advantage 1, one with advantage 3; ratios 1
    zeros = torch.zeros(2, 9, dtype=torch.float64)
    response_mask = torch.arange(9) < torch.tensor([9, 1])[:, None]

    loss, _ = attempt.gspo_loss(zeros, zeros, scalar([1.0, 3.0]), response_mask)

    assert_close(loss, scalar(-2.0), label="loss")


@BOTH
def test_an_empty_response_adds_zero_and_still_counts(attempt, name):
    batch = batch_for(name)
    # one that was clipped, one that was not
    batch[3][1] = batch[3][3] = False
    expected, gradient = by_hand(batch, **WIDE)

    check(getattr(attempt, name)(*batch, **WIDE), expected)
    got = gradient_of(getattr(attempt, name), *batch, **WIDE)
    assert_close(got, gradient, label="the gradient of log_prob")


@BOTH
def test_a_batch_of_empty_responses_gives_zeros(attempt, name):
    *tensors, response_mask = batch_for(name)
    nothing = torch.zeros_like(response_mask)

    check(getattr(attempt, name)(*tensors, nothing), (scalar(0.0), scalar(0.0)))
    got = gradient_of(getattr(attempt, name), *tensors, nothing)
    assert_close(got, torch.zeros_like(tensors[0]), label="the gradient of log_prob")


@pytest.mark.parametrize(
    "B, T, low, high",
    [
        pytest.param(6, 7, 0.1, 0.25, id="usual"),
        pytest.param(6, 12, 0.02, 0.3, id="long"),
        pytest.param(5, 1, 0.1, 0.25, id="one-token"),
    ],
)
def test_token_loss_follows_the_definition(attempt, B, T, low, high):
    batch = per_token(make_batch(B, T))
    expected, _ = by_hand(batch, low, high)

    check(attempt.gspo_token_loss(*batch, clip_low=low, clip_high=high), expected)


def test_a_token_is_moved_by_its_own_advantage_alone(attempt):
    # ratio 1.2 for all three; slopes -1.2 * A / 3
    log_prob = torch.full((1, 3), -1.0, dtype=torch.float64)
    old_log_prob = log_prob - math.log(1.2) * scalar([[3.0, -1.0, 1.0]])
    advantages, mask = scalar([[5.0, 0.0, -2.0]]), torch.ones(1, 3, dtype=torch.bool)

    got = gradient_of(attempt.gspo_token_loss, log_prob, old_log_prob, advantages, mask, **WIDE)

    assert_close(got, scalar([[-2.0, 0.0, 0.8]]), label="the gradient of log_prob")


def test_with_equal_advantages_both_losses_agree(attempt):
    log_prob, old_log_prob, advantages, mask = make_batch()
    spread = advantages[:, None].expand_as(log_prob)
    expected, gradient = by_hand((log_prob, old_log_prob, advantages, mask), **WIDE)

    check(attempt.gspo_token_loss(log_prob, old_log_prob, spread, mask, **WIDE), expected)
    got = gradient_of(attempt.gspo_token_loss, log_prob, old_log_prob, spread, mask, **WIDE)
    assert_close(got, gradient, label="the gradient of log_prob")


@BOTH
@pytest.mark.parametrize(
    "tensors, value",
    [
        pytest.param((0, 1), math.nan, id="nan-in-both"),
        pytest.param((0,), math.inf, id="inf-in-log-prob"),
        pytest.param((0, 1), -math.inf, id="minus-inf-in-both"),
        pytest.param((1,), -1e4, id="minus-ten-thousand-in-old-log-prob"),
    ],
)
def test_padding_changes_neither_results_nor_gradient(attempt, name, tensors, value):
    batch = batch_for(name)
    expected, gradient = by_hand(batch, **WIDE)
    filled = [x.masked_fill(~batch[3], value) if i in tensors else x for i, x in enumerate(batch)]

    check(getattr(attempt, name)(*filled, **WIDE), expected)
    got = gradient_of(getattr(attempt, name), *filled, **WIDE)
    assert_close(got, gradient, label="the gradient of log_prob")


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_padded_advantages_change_nothing(attempt, value):
    batch = batch_for("gspo_token_loss")
    expected, gradient = by_hand(batch, **WIDE)
    batch[2] = batch[2].masked_fill(~batch[3], value)

    check(attempt.gspo_token_loss(*batch, **WIDE), expected)
    got = gradient_of(attempt.gspo_token_loss, *batch, **WIDE)
    assert_close(got, gradient, label="the gradient of log_prob")


@BOTH
def test_the_clip_fraction_carries_no_gradient(attempt, name):
    log_prob, *rest = batch_for(name)

    _, fraction = getattr(attempt, name)(log_prob.requires_grad_(), *rest)

    assert not fraction.requires_grad, "clip_fraction carries a gradient: detach it"


@BOTH
@pytest.mark.parametrize(
    "dtype",
    [torch.bfloat16, torch.float16, torch.float32],
    ids=["bfloat16", "float16", "float32"],
)
def test_half_precision_is_computed_in_float32(attempt, name, dtype):
    batch = batch_for(name, dtype=dtype)
    exact, _ = by_hand([x.double() if x.is_floating_point() else x for x in batch], **WIDE)

    got = getattr(attempt, name)(*batch, **WIDE)

    check(got, [x.float() for x in exact])


@BOTH
def test_many_tokens_in_half_precision_are_computed_in_float32(attempt, name):
    # bfloat16 rounds 257 to 256, and each difference by 1/256 to a multiple of 1/64
    log_prob = torch.full((2, 257), -0.5 - 1 / 256)
    old_log_prob = -3 - torch.randint(32, (2, 257)) / 64
    advantages, mask = -1 - torch.rand(2), torch.ones(2, 257, dtype=torch.bool)
    if name == "gspo_token_loss":
        advantages = advantages[:, None].expand(2, 257)
    tensors = [x.bfloat16() for x in (log_prob, old_log_prob, advantages)]
    exact, _ = by_hand([*(x.double() for x in tensors), mask])

    got = getattr(attempt, name)(*tensors, mask)

    why = "sums of 257 terms in float32"
    check(got, [x.float() for x in exact], rtol=1e-4, atol=1e-5, why=why)


@BOTH
def test_float64_is_computed_in_float64(attempt, name):
    # float32 is spaced 1/1024 apart here
    log_prob, old_log_prob, *rest = batch_for(name)
    batch = log_prob - 10_000, old_log_prob - 10_000, *rest
    expected, gradient = by_hand(batch, **WIDE)

    check(getattr(attempt, name)(*batch, **WIDE), expected)
    got = gradient_of(getattr(attempt, name), *batch, **WIDE)
    assert_close(got, gradient, label="the gradient of log_prob")


@BOTH
def test_results_lie_where_log_prob_does(attempt, name):
    assert_follows_device(getattr(attempt, name), *batch_for(name))
