"""Values are compared in float64, where only logic, not rounding, can differ."""

import math

import pytest
import torch

from grader.testing import assert_close, assert_same_gradients

TENSORS = ("log_prob", "old_log_prob", "ref_log_prob", "advantages")


def make_batch(B=6, T=7, spread=0.3, dtype=torch.float64):
    """Log-probabilities a few tenths apart, advantages of both signs, a mask with gaps."""
    log_prob = -2 + torch.randn(B, T, dtype=dtype)
    old_log_prob = log_prob + spread * torch.randn(B, T, dtype=dtype)
    ref_log_prob = log_prob + 0.5 + 0.5 * torch.randn(B, T, dtype=dtype)
    advantages = torch.randn(B, dtype=dtype).abs() + 0.5
    advantages[::2] *= -1
    response_mask = torch.arange(T) < torch.arange(B)[:, None] % T + 1
    response_mask[3:5, 1] = False
    return log_prob, old_log_prob, ref_log_prob, advantages, response_mask


def column(*values):
    return torch.tensor(values, dtype=torch.float64)


def one_token(log_ratio, advantage, ref_log_ratio=0.0):
    """A batch of one response of one token."""
    log_prob = column(-1.0)[None]
    return (
        log_prob,
        log_prob - log_ratio,
        log_prob + ref_log_ratio,
        column(advantage),
        torch.ones(1, 1, dtype=torch.bool),
    )


def token_by_token(log_prob, old_log_prob, ref_log_prob, advantages, response_mask, clip_eps, beta):
    """The paper's two sums, written out."""
    B, T = log_prob.shape
    total = 0.0
    for i in range(B):
        length, response = 0, 0.0
        for t in range(T):
            if not response_mask[i, t]:
                continue
            length += 1
            ratio = math.exp(log_prob[i, t] - old_log_prob[i, t])
            clipped = min(max(ratio, 1 - clip_eps), 1 + clip_eps)
            A = advantages[i].item()
            to_ref = math.exp(ref_log_prob[i, t] - log_prob[i, t])
            kl = to_ref - math.log(to_ref) - 1
            response += min(ratio * A, clipped * A) - beta * kl
        total += response / max(length, 1)
    return column(-total / B)[0]


def gradient_of(attempt, log_prob, *rest, **options):
    leaf = log_prob.detach().clone().requires_grad_()
    loss = attempt.grpo_loss(leaf, *rest, **options)
    assert loss.requires_grad, "the loss is cut off from log_prob: no gradient flows back"
    return torch.autograd.grad(loss, leaf)[0]


def test_advantages_match_a_case_worked_by_hand(attempt):
    # the first group has mean 3 and unbiased std 2, the second mean 0 and std 4
    rewards = column(1, 3, 5, 4, 0, -4)
    expected = column(-1, 0, 1, 1, 0, -1)

    assert_close(attempt.group_advantages(rewards, group_size=3, eps=0.0), expected)


@pytest.mark.parametrize(
    "B, group_size",
    [
        pytest.param(12, 4, id="three-groups-of-four"),
        pytest.param(10, 2, id="five-pairs"),
        pytest.param(9, 3, id="as-many-groups-as-responses"),
        pytest.param(8, 8, id="one-group"),
    ],
)
def test_each_group_is_standardised_by_itself(attempt, B, group_size):
    # float32 is spaced 6e-5 apart here
    rewards = 1000 + torch.arange(B) + 2 * torch.randn(B, dtype=torch.float64)
    groups = rewards.split(group_size)
    expected = torch.cat([(group - group.mean()) / (group.std() + 0.1) for group in groups])

    assert_close(attempt.group_advantages(rewards, group_size=group_size, eps=0.1), expected)


def test_eps_is_added_to_the_standard_deviation(attempt):
    # mean 3, unbiased std 2: 2 / (2 + 0.5) = 0.8
    got = attempt.group_advantages(column(1, 3, 5), group_size=3, eps=0.5)

    assert_close(got, column(-0.8, 0, 0.8))


def test_eps_is_one_millionth_by_default(attempt):
    # mean 2e-6, std 1e-6: 1e-6 / (1e-6 + 1e-6)
    got = attempt.group_advantages(column(1e-6, 2e-6, 3e-6), group_size=3)

    assert_close(got, column(-0.5, 0, 0.5))


def test_equal_rewards_give_no_advantage(attempt):
    rewards = column(1, 1, 1, 0, 0, 0, 1, 2, 3)
    expected = column(0, 0, 0, 0, 0, 0, -1, 0, 1) / (1 + 1e-6)

    assert_close(attempt.group_advantages(rewards, group_size=3), expected)


def test_advantages_are_constants(attempt):
    rewards = torch.randn(6, dtype=torch.float64, requires_grad=True)

    advantages = attempt.group_advantages(rewards, group_size=3)

    assert not advantages.requires_grad, "advantages carry a gradient: detach the rewards"


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=["bfloat16", "float16"])
def test_advantages_of_half_precision_are_computed_in_float32(attempt, dtype):
    rewards = torch.randn(12).to(dtype)
    groups = rewards.double().view(3, 4)
    expected = (groups - groups.mean(dim=1, keepdim=True)) / (groups.std(dim=1, keepdim=True) + 0.1)

    got = attempt.group_advantages(rewards, group_size=4, eps=0.1)

    assert_close(got, expected.flatten().float())


def test_the_level_of_the_rewards_does_not_count(attempt):
    # float32 holds the sum of four such squares, 2 above a multiple of 4, only in steps of 4
    rewards = (3000 + torch.randint(900, (3, 1)) + torch.tensor([-1, 0, 1, 0])).flatten().float()
    expected = torch.tensor([-1.0, 0.0, 1.0, 0.0] * 3) / math.sqrt(2 / 3)

    got = attempt.group_advantages(rewards, group_size=4)

    assert_close(got, expected, rtol=0.01, atol=0.01, why="means near 3,000 in float32")


@pytest.mark.parametrize(
    "B, group_size",
    [
        pytest.param(7, 3, id="group-not-full"),
        pytest.param(4, 8, id="batch-smaller-than-group"),
        pytest.param(4, 1, id="group-of-one"),
        pytest.param(4, 0, id="group-of-none"),
    ],
)
def test_rejects_rewards_that_do_not_fill_groups(attempt, B, group_size):
    with pytest.raises(ValueError):
        attempt.group_advantages(torch.randn(B), group_size=group_size)


def test_loss_matches_a_case_worked_by_hand(attempt):
    # ratios 1.5 and 0.5, clipped at 0.25: 1.25 and 0.5 for A = 2; 1.5 and 0.75 for A = -4
    ratios = column(1.5, 0.5)
    zeros = torch.zeros(2, 2, dtype=torch.float64)
    response_mask = torch.ones(2, 2, dtype=torch.bool)
    # objectives (2.5 + 1) / 2 and (-6 - 3) / 2
    expected = column(-(1.75 - 4.5) / 2)[0]

    loss = attempt.grpo_loss(
        ratios.log().expand(2, 2),
        zeros,
        zeros,
        column(2, -4),
        response_mask,
        clip_eps=0.25,
        beta=0.0,
    )

    assert_close(loss, expected)


@pytest.mark.parametrize(
    "ref_log_ratio, kl",
    [
        pytest.param(math.log(2), 1 - math.log(2), id="reference-twice-as-likely"),
        pytest.param(-math.log(2), math.log(2) - 0.5, id="reference-half-as-likely"),
        pytest.param(5.0, math.exp(5) - 6, id="reference-far-likelier"),
        pytest.param(-40.0, math.exp(-40) + 39, id="reference-far-less-likely"),
    ],
)
def test_kl_matches_a_case_worked_by_hand(attempt, ref_log_ratio, kl):
    batch = one_token(0.0, 0.0, ref_log_ratio)

    assert_close(attempt.grpo_loss(*batch, beta=0.5), column(0.5 * kl)[0])


@pytest.mark.parametrize(
    "B, T, clip_eps, beta",
    [
        pytest.param(6, 7, 0.2, 0.04, id="defaults"),
        pytest.param(6, 7, 0.05, 0.0, id="tight-clip-no-kl"),
        pytest.param(5, 5, 0.4, 1.0, id="wide-clip-strong-kl"),
        pytest.param(8, 3, 0.1, 0.3, id="more-responses-than-tokens"),
    ],
)
def test_loss_is_the_mean_of_token_means(attempt, B, T, clip_eps, beta):
    batch = make_batch(B, T)
    expected = token_by_token(*batch, clip_eps, beta)

    assert_close(attempt.grpo_loss(*batch, clip_eps=clip_eps, beta=beta), expected)


def test_defaults_are_clip_one_fifth_and_beta_four_hundredths(attempt):
    batch = make_batch()
    expected = token_by_token(*batch, 0.2, 0.04)

    assert_close(attempt.grpo_loss(*batch), expected)


@pytest.mark.parametrize(
    "clip_eps, beta",
    [
        pytest.param(0.2, 0.0, id="policy-alone"),
        pytest.param(0.2, 0.5, id="with-kl"),
        pytest.param(0.05, 0.1, id="tight-clip"),
    ],
)
def test_gradients_match_the_reference(attempt, reference, clip_eps, beta):
    *tensors, response_mask = make_batch()
    options = {"clip_eps": clip_eps, "beta": beta}

    assert_same_gradients(
        lambda *x: attempt.grpo_loss(*x, response_mask, **options),
        lambda *x: reference.grpo_loss(*x, response_mask, **options),
        *tensors,
        names=TENSORS,
    )


@pytest.mark.parametrize(
    "ratio, advantage, moves",
    [
        pytest.param(1.5, 2.0, False, id="good-token-already-likelier"),
        pytest.param(0.5, 2.0, True, id="good-token-gone-unlikely"),
        pytest.param(1.5, -2.0, True, id="bad-token-gone-likelier"),
        pytest.param(0.5, -2.0, False, id="bad-token-already-unlikely"),
        pytest.param(20.0, -2.0, True, id="bad-token-gone-far-likelier"),
    ],
)
def test_only_a_step_too_far_in_the_right_direction_is_clipped(attempt, ratio, advantage, moves):
    batch = one_token(math.log(ratio), advantage)
    expected = column(-ratio * advantage if moves else 0.0)[None]

    gradient = gradient_of(attempt, *batch, beta=0.0)

    assert_close(gradient, expected, label="the gradient of log_prob")


def test_the_first_step_is_a_plain_policy_gradient(attempt):
    # log_prob as old_log_prob too: ratio 1, gradient -A / (length * B)
    log_prob = torch.randn(2, 4, dtype=torch.float64, requires_grad=True)
    response_mask = torch.tensor([[True, True, True, True], [True, True, False, False]])
    expected = -column(3, -1)[:, None] / column(4, 2)[:, None] / 2 * response_mask

    loss = attempt.grpo_loss(
        log_prob, log_prob, torch.zeros_like(log_prob), column(3, -1), response_mask, beta=0.0
    )
    assert loss.requires_grad, "the loss is cut off from log_prob: no gradient flows back"
    (gradient,) = torch.autograd.grad(loss, log_prob)

    assert_close(gradient, expected, label="the gradient of log_prob")


def test_the_kl_pulls_the_policy_to_the_reference(attempt):
    # d k3 / d log_prob = 1 - exp(ref - log_prob): -1 where the reference is twice as likely
    batch = one_token(0.0, 0.0, ref_log_ratio=math.log(2))

    gradient = gradient_of(attempt, *batch, beta=0.25)

    assert_close(gradient, column(-0.25)[None], label="the gradient of log_prob")


def test_the_reference_may_be_the_policy_itself(attempt):
    log_prob = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    moved = log_prob.detach() + 0.1
    response_mask = torch.ones(3, 4, dtype=torch.bool)
    # KL 0 with gradient 0: what remains is the policy term, ratio exp(-0.1)
    expected = -column(1, -2, 3)[:, None] * math.exp(-0.1) / 12 * torch.ones(3, 4).double()

    loss = attempt.grpo_loss(log_prob, moved, log_prob, column(1, -2, 3), response_mask, beta=0.5)
    assert loss.requires_grad, "the loss is cut off from log_prob: no gradient flows back"
    (gradient,) = torch.autograd.grad(loss, log_prob)

    assert_close(gradient, expected, label="the gradient of log_prob")


def test_a_short_response_weighs_as_much_as_a_long_one(attempt):
    zeros = torch.zeros(2, 10, dtype=torch.float64)
    response_mask = torch.arange(10) < torch.tensor([10, 1])[:, None]

    loss = attempt.grpo_loss(zeros, zeros, zeros, column(1, 3), response_mask)

    assert_close(loss, column(-2)[0])


def test_an_empty_response_adds_nothing_and_still_counts(attempt):
    zeros = torch.zeros(4, 3, dtype=torch.float64)
    response_mask = torch.tensor([[True] * 3, [True] * 3, [False] * 3, [True] * 3])

    # (1 + 2 + 0 + 5) / 4
    loss = attempt.grpo_loss(zeros, zeros, zeros, column(1, 2, 4, 5), response_mask)

    assert_close(loss, column(-2)[0])


def test_a_batch_of_empty_responses_has_loss_zero(attempt):
    *tensors, response_mask = make_batch()

    loss = attempt.grpo_loss(*tensors, torch.zeros_like(response_mask))

    assert_close(loss, column(0)[0])


PADDING = pytest.mark.parametrize(
    "tensors, value",
    [
        pytest.param((0, 1, 2), math.nan, id="nan-in-all-three"),
        pytest.param((0,), math.inf, id="inf-in-log-prob"),
        pytest.param((0,), -math.inf, id="minus-inf-in-log-prob"),
        pytest.param((1,), -math.inf, id="minus-inf-in-old-log-prob"),
        pytest.param((2,), 10000.0, id="ten-thousand-in-ref-log-prob"),
    ],
)


def padded(batch, tensors, value):
    """The batch with value wherever the mask is false, in the tensors with these indices."""
    response_mask = batch[4]
    return [
        x.masked_fill(~response_mask, value) if i in tensors else x for i, x in enumerate(batch)
    ]


@PADDING
def test_padding_does_not_change_the_loss(attempt, tensors, value):
    batch = make_batch()
    expected = token_by_token(*batch, 0.2, 0.5)

    assert_close(attempt.grpo_loss(*padded(batch, tensors, value), beta=0.5), expected)


@PADDING
def test_padding_does_not_change_the_gradient(attempt, reference, tensors, value):
    batch = make_batch()
    expected = gradient_of(reference, *batch, beta=0.5)

    got = gradient_of(attempt, *padded(batch, tensors, value), beta=0.5)

    assert_close(got, expected, label="the gradient of log_prob")


def test_half_precision_is_computed_in_float32(attempt, reference):
    batch = make_batch(dtype=torch.bfloat16)
    exact = reference.grpo_loss(*(x.double() for x in batch[:4]), batch[4], beta=0.5)

    assert_close(attempt.grpo_loss(*batch, beta=0.5), exact.float())


def test_many_tokens_in_half_precision_are_computed_in_float32(attempt, reference):
    # bfloat16 rounds 257 to 256, and each difference by 1/256 to a multiple of 1/64
    log_prob = torch.full((2, 257), -0.5 - 1 / 256)
    old_log_prob, ref_log_prob = -3 - torch.randint(32, (2, 2, 257)) / 64
    tensors = [x.bfloat16() for x in (log_prob, old_log_prob, ref_log_prob, -1 - torch.rand(2))]
    response_mask = torch.ones(2, 257, dtype=torch.bool)
    exact = reference.grpo_loss(*(x.double() for x in tensors), response_mask, beta=8.0)

    got = attempt.grpo_loss(*tensors, response_mask, beta=8.0)

    assert_close(got, exact.float(), rtol=1e-4, atol=1e-5, why="sums of 257 terms in float32")


def test_float64_is_computed_in_float64(attempt, reference):
    # float32 is spaced 1/1024 apart here
    log_prob, old_log_prob, ref_log_prob, *rest = make_batch()
    batch = log_prob - 10_000, old_log_prob - 10_000, ref_log_prob - 10_000, *rest
    expected = gradient_of(reference, *batch, beta=0.5)

    got = gradient_of(attempt, *batch, beta=0.5)

    assert_close(got, expected, label="the gradient of log_prob")


def test_float32_stays_float32(attempt, reference):
    batch = make_batch(dtype=torch.float32)
    exact = reference.grpo_loss(*(x.double() for x in batch[:4]), batch[4], beta=0.5)

    assert_close(attempt.grpo_loss(*batch, beta=0.5), exact.float())


def bench(attempt, size, device):
    """Size is the length of a response: 16 responses in float32, loss and gradient."""
    log_prob, *others, mask = (x.to(device) for x in make_batch(16, size, dtype=torch.float32))
    log_prob.requires_grad_()
    mask[:] = True
    return lambda: torch.autograd.grad(attempt.grpo_loss(log_prob, *others, mask), log_prob)


bench.sizes = (64, 512, 4096)
