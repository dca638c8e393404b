"""Values are compared in float64, where only logic, not rounding, can differ."""

import math

import pytest
import torch

from grader.testing import assert_close, assert_equal, assert_follows_device, assert_same_gradients

WIDE = {"clip_low": 0.3, "clip_high": 0.6}


def make_batch(B=6, T=7, dtype=torch.float64):
    """Ratios inside and on both sides of the range, advantages of both signs, gaps."""
    log_prob = -2 + torch.randn(B, T, dtype=torch.float64)
    old_log_prob = log_prob + 0.5 * torch.randn(B, T, dtype=torch.float64)
    advantages = 0.5 + torch.rand(B, dtype=torch.float64)
    advantages[::2] *= -1
    response_mask = torch.arange(T) <= torch.arange(B)[:, None] % T
    response_mask[2::3, 1:2] = False
    return [x.to(dtype) for x in (log_prob, old_log_prob, advantages)] + [response_mask]


def scalar(value):
    return torch.tensor(value, dtype=torch.float64)


def token_by_token(log_prob, old_log_prob, advantages, response_mask, clip_low, clip_high):
    """The loss and its gradient, over Python floats."""
    gradient = torch.zeros(log_prob.shape, dtype=torch.float64)
    count = max(int(response_mask.sum()), 1)
    loss = 0.0
    for b, t in response_mask.nonzero().tolist():
        A = advantages[b].item()
        ratio = math.exp((log_prob[b, t] - old_log_prob[b, t]).item())
        plain, clipped = ratio * A, min(max(ratio, 1 - clip_low), 1 + clip_high) * A
        loss -= min(plain, clipped) / count
        gradient[b, t] = 0.0 if clipped < plain else -plain / count
    return scalar(loss), gradient


def gradient_of(attempt, log_prob, *rest, **options):
    leaf = log_prob.detach().clone().requires_grad_()
    loss = attempt.dapo_loss(leaf, *rest, **options)
    assert loss.requires_grad, "the loss is cut off from log_prob: no gradient flows back"
    return torch.autograd.grad(loss, leaf)[0]


def groups_of(*rows):
    return [torch.tensor([c == "x" for c in row]) for row in rows]


@pytest.mark.parametrize(
    "max_length, cache, lengths, expected",
    [
        pytest.param(
            20, 4, (1, 16, 17, 18, 20, 21, 90), (0, 0, -0.25, -0.5, -1, -1, -1), id="usual"
        ),
        pytest.param(10, 10, (0, 1, 5, 10, 11), (0, -0.1, -0.5, -1, -1), id="from-the-start"),
        pytest.param(10, 1, (8, 9, 10, 11), (0, 0, -1, -1), id="one-token"),
        pytest.param(20480, 4096, (16384, 17408, 19456), (0, -0.25, -0.75), id="the-paper"),
    ],
)
def test_the_penalty_matches_cases_worked_by_hand(attempt, max_length, cache, lengths, expected):
    got = attempt.overlong_penalty(torch.tensor(lengths), max_length=max_length, cache=cache)

    assert_close(got, torch.tensor(expected, dtype=torch.float32))


@pytest.mark.parametrize("cache", [0, -1, 21])
def test_rejects_a_cache_out_of_range(attempt, cache):
    with pytest.raises(ValueError):
        attempt.overlong_penalty(torch.tensor([3, 4]), max_length=20, cache=cache)


def test_the_penalty_lies_where_the_lengths_do(attempt):
    assert_follows_device(
        attempt.overlong_penalty, torch.tensor([3, 18, 40]), max_length=20, cache=4
    )


@pytest.mark.parametrize(
    "rows, size, expected",
    [
        pytest.param(("xx..", "xxxx", "....", "...x", "xxx."), 3, [0, 3, 4], id="all-are-needed"),
        pytest.param(("....", "xxxx", ".x", "x", ".", "x.", "xx"), 2, [2, 5], id="other-sizes"),
        pytest.param(("x.", "x.", "x.", "x."), 2, [0, 1], id="more-than-enough"),
    ],
)
def test_only_mixed_groups_are_kept(attempt, rows, size, expected):
    assert_equal(attempt.dynamic_sampling(groups_of(*rows), size), expected)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_no_group_is_drawn_too_many(attempt, size):
    drawn = []

    def source():
        # an end, so that who draws them all is told so
        for i, group in enumerate(groups_of("xx", "x.", "..", ".x") * 50):
            drawn.append(i)
            yield group
        raise AssertionError("all of 200 groups were drawn, though few are needed")

    kept = attempt.dynamic_sampling(source(), size)

    assert_equal(kept, [1, 3, 5][:size], label="the kept positions")
    assert drawn[-1] == kept[-1]


def test_nothing_is_drawn_for_nothing(attempt):
    def source():
        raise AssertionError("a group was drawn although none is needed")
        yield

    assert_equal(attempt.dynamic_sampling(source(), 0), [])


@pytest.mark.parametrize(
    "rows", [pytest.param(("xx", "x.", ".."), id="one-too-few"), pytest.param((), id="none")]
)
def test_rejects_too_few_mixed_groups(attempt, rows):
    with pytest.raises(ValueError):
        attempt.dynamic_sampling(groups_of(*rows), 2)


@pytest.mark.parametrize(
    "B, T, low, high",
    [
        pytest.param(6, 7, 0.2, 0.28, id="usual"),
        pytest.param(3, 12, 0.05, 0.6, id="long"),
        pytest.param(5, 5, 0.5, 0.1, id="square"),
        pytest.param(4, 1, 0.2, 0.28, id="one-token"),
    ],
)
def test_loss_follows_the_sum_over_tokens(attempt, B, T, low, high):
    batch = make_batch(B, T)
    expected, _ = token_by_token(*batch, low, high)

    assert_close(attempt.dapo_loss(*batch, clip_low=low, clip_high=high), expected)


def test_loss_matches_a_case_worked_by_hand(attempt):
    # A = 1: ratios 2, 1.25 and 0.5, the first cut to 1.28; A = -2: ratio 0.5, raised to 0.8
    ratios = scalar([[2.0, 1.25, 0.5], [0.5, 9.0, 9.0]])
    mask = torch.tensor([[True, True, True], [True, False, False]])
    log_prob = torch.full_like(ratios, -3.0)

    got = attempt.dapo_loss(log_prob, log_prob - ratios.log(), scalar([1.0, -2.0]), mask)

    assert_close(got, scalar((-1.28 - 1.25 - 0.5 + 1.6) / 4))


@pytest.mark.parametrize(
    "low, high, loss",
    [
        pytest.param(0.5, 0.25, (-1.25 + 1.0) / 2, id="wide-below"),
        pytest.param(0.125, 0.5, (-1.5 + 1.75) / 2, id="wide-above"),
    ],
)
def test_each_side_has_its_own_clip_range(attempt, low, high, loss):
    log_prob = torch.zeros(2, 1, dtype=torch.float64)
    old_log_prob = -scalar([[2.0], [0.25]]).log()
    mask = torch.ones(2, 1, dtype=torch.bool)

    got = attempt.dapo_loss(
        log_prob, old_log_prob, scalar([1.0, -2.0]), mask, clip_low=low, clip_high=high
    )

    assert_close(got, scalar(loss))


@pytest.mark.parametrize(
    "ratio, A, slope",
    [
        pytest.param(1.75, 2.0, 0.0, id="good-and-too-likely"),
        pytest.param(0.5, -2.0, 0.0, id="bad-and-too-rare"),
        pytest.param(0.5, 2.0, -1.0, id="good-and-too-rare"),
        pytest.param(1.75, -2.0, 3.5, id="bad-and-too-likely"),
        pytest.param(1.5, 2.0, -3.0, id="inside"),
    ],
)
def test_only_a_step_too_far_in_the_right_direction_is_clipped(attempt, ratio, A, slope):
    log_prob = scalar([[-1.0]])
    mask = torch.ones(1, 1, dtype=torch.bool)

    got = gradient_of(attempt, log_prob, log_prob - math.log(ratio), scalar([A]), mask, **WIDE)

    assert_close(got, scalar([[slope]]), label="the gradient of log_prob")


def test_gradients_follow_the_formula(attempt):
    batch = make_batch()
    _, expected = token_by_token(*batch, **WIDE)

    assert_close(gradient_of(attempt, *batch, **WIDE), expected, label="the gradient of log_prob")


def test_only_log_prob_gets_a_gradient(attempt, reference):
    *tensors, response_mask = make_batch()

    assert_same_gradients(
        lambda *x: attempt.dapo_loss(*x, response_mask),
        lambda *x: reference.dapo_loss(*x, response_mask),
        *tensors,
        names=("log_prob", "old_log_prob", "advantages"),
    )


def test_the_first_step_has_a_gradient(attempt):
    # old_log_prob is log_prob itself: every ratio is 1
    log_prob, _, advantages, response_mask = make_batch()
    expected = -advantages[:, None] * response_mask / response_mask.sum()
    leaf = log_prob.clone().requires_grad_()

    loss = attempt.dapo_loss(leaf, leaf, advantages, response_mask)
    assert loss.requires_grad, "the loss is cut off from log_prob: no gradient flows back"
    (gradient,) = torch.autograd.grad(loss, leaf)

    assert_close(gradient, expected, label="the gradient of log_prob")


@pytest.mark.parametrize(
    "tensors, value",
    [
        pytest.param((0, 1), math.nan, id="nan-in-both"),
        pytest.param((0,), math.inf, id="inf-in-log-prob"),
        pytest.param((1,), -math.inf, id="minus-inf-in-old-log-prob"),
        pytest.param((1,), -1e4, id="minus-ten-thousand-in-old-log-prob"),
    ],
)
def test_padding_changes_neither_loss_nor_gradient(attempt, tensors, value):
    batch = make_batch()
    expected, gradient = token_by_token(*batch, **WIDE)
    filled = [x.masked_fill(~batch[3], value) if i in tensors else x for i, x in enumerate(batch)]

    assert_close(attempt.dapo_loss(*filled, **WIDE), expected)
    got = gradient_of(attempt, *filled, **WIDE)
    assert_close(got, gradient, label="the gradient of log_prob")


def test_a_batch_without_response_tokens_has_loss_and_gradient_zero(attempt):
    *tensors, response_mask = make_batch()
    nothing = torch.zeros_like(response_mask)

    assert_close(attempt.dapo_loss(*tensors, nothing), scalar(0.0))
    got = gradient_of(attempt, *tensors, nothing)
    assert_close(got, torch.zeros_like(tensors[0]), label="the gradient of log_prob")


@pytest.mark.parametrize(
    "dtype",
    [torch.bfloat16, torch.float16, torch.float32],
    ids=["bfloat16", "float16", "float32"],
)
def test_half_precision_is_computed_in_float32(attempt, dtype):
    batch = make_batch(dtype=dtype)
    exact, _ = token_by_token(*(x.double() for x in batch[:3]), batch[3], 0.2, 0.28)

    assert_close(attempt.dapo_loss(*batch), exact.float())


def test_many_tokens_in_half_precision_are_computed_in_float32(attempt):
    # bfloat16 rounds 297 to 296, and each difference by 1/256 to a multiple of 1/64
    log_prob = torch.full((3, 99), -0.5 - 1 / 256)
    old_log_prob = -3 - torch.randint(32, (3, 99)) / 64
    tensors = [x.bfloat16() for x in (log_prob, old_log_prob, -1 - torch.rand(3))]
    mask = torch.ones(3, 99, dtype=torch.bool)
    exact, _ = token_by_token(*(x.double() for x in tensors), mask, 0.2, 0.28)

    got = attempt.dapo_loss(*tensors, mask)

    assert_close(got, exact.float(), rtol=1e-4, atol=1e-5, why="sums of 297 terms in float32")


def test_float64_is_computed_in_float64(attempt):
    # float32 is spaced 1/1024 apart here
    log_prob, old_log_prob, *rest = make_batch()
    batch = log_prob - 10_000, old_log_prob - 10_000, *rest
    _, expected = token_by_token(*batch, **WIDE)

    assert_close(gradient_of(attempt, *batch, **WIDE), expected, label="the gradient of log_prob")


def test_the_loss_lies_where_log_prob_does(attempt):
    assert_follows_device(attempt.dapo_loss, *make_batch())
