"""Values are compared in float64, where only logic, not rounding, can differ."""

import math

import pytest
import torch

from grader.testing import assert_close, assert_follows_device, assert_same_gradients

BASELINES = ("none", "batch", "group", "rloo")


def make_scores(*sizes, dtype=torch.float64):
    """Scores of groups of these sizes, far apart, in a random order."""
    index = torch.cat([torch.full((n,), 7 - 3 * i) for i, n in enumerate(sizes)])
    scores = 1 + 2 * index.double() + torch.randn(len(index), dtype=torch.float64)
    order = torch.randperm(len(index))
    return scores[order].to(dtype), index[order]


def make_batch(B=5, T=7, dtype=torch.float64):
    response_mask = torch.arange(T) <= torch.arange(B)[:, None] % T
    response_mask[2::3, 1:2] = False
    log_prob = -2 + torch.randn(B, T, dtype=torch.float64)
    return log_prob.to(dtype), (0.5 + torch.randn(B).double()).to(dtype), response_mask


def scalar(value):
    return torch.tensor(value, dtype=torch.float64)


def one_by_one(scores, index, baseline):
    """Each response's peers in a list."""
    result = []
    pairs = list(zip(scores.tolist(), index.tolist(), strict=True))
    for i, (score, prompt) in enumerate(pairs):
        peers = {
            "none": [],
            "batch": [s for s, _ in pairs],
            "group": [s for s, p in pairs if p == prompt],
            "rloo": [s for j, (s, p) in enumerate(pairs) if p == prompt and j != i],
        }[baseline]
        result.append(score - math.fsum(peers) / max(len(peers), 1))
    return scalar(result)


def response_by_response(log_prob, advantages, response_mask):
    """A sum over Python floats."""
    total = 0.0
    for row, A, mask in zip(log_prob.tolist(), advantages.tolist(), response_mask, strict=True):
        total -= A * math.fsum(x for x, keep in zip(row, mask, strict=True) if keep)
    return scalar(total / len(log_prob))


@pytest.mark.parametrize("baseline", BASELINES)
@pytest.mark.parametrize(
    "sizes",
    [
        pytest.param((4, 4, 4), id="equal-groups"),
        pytest.param((2, 5, 1, 3), id="unequal-groups"),
        pytest.param((6,), id="one-prompt"),
    ],
)
def test_advantages_follow_the_definition(attempt, baseline, sizes):
    scores, index = make_scores(*sizes)
    expected = one_by_one(scores, index, baseline)

    assert_close(attempt.baseline_advantages(scores, index, baseline), expected)


@pytest.mark.parametrize(
    "baseline, expected",
    [
        pytest.param("none", [1.0, 10.0, 3.0, 20.0, 5.0], id="none"),
        pytest.param("batch", [-6.8, 2.2, -4.8, 12.2, -2.8], id="batch"),
        pytest.param("group", [-2.0, -5.0, 0.0, 5.0, 2.0], id="group"),
        pytest.param("rloo", [-3.0, -10.0, 0.0, 10.0, 3.0], id="rloo"),
    ],
)
def test_matches_a_case_worked_by_hand(attempt, baseline, expected):
    scores, index = scalar([1.0, 10.0, 3.0, 20.0, 5.0]), torch.tensor([4, 0, 4, 0, 4])

    assert_close(attempt.baseline_advantages(scores, index, baseline), scalar(expected))


def test_a_lone_response_keeps_its_score(attempt):
    scores, index = scalar([2.0, 5.0, 7.0, -3.0]), torch.tensor([1, 3, 3, 2])

    got = attempt.baseline_advantages(scores, index, "rloo")

    assert_close(got, scalar([2.0, -2.0, 2.0, -3.0]))


@pytest.mark.parametrize("baseline", ["group", "rloo"])
@pytest.mark.parametrize(
    "first, second",
    [
        pytest.param(2**24, 2**24 + 1, id="one-to-float32"),
        pytest.param(2**53, 2**53 + 1, id="one-to-float64"),
        pytest.param(0, 2**32, id="one-to-int32"),
    ],
)
def test_prompts_may_have_any_numbers(attempt, first, second, baseline):
    scores, index = scalar([1.0, 10.0, 3.0, 20.0]), torch.tensor([first, second] * 2)
    expected = one_by_one(scores, index, baseline)

    assert_close(attempt.baseline_advantages(scores, index, baseline), expected)


@pytest.mark.parametrize("baseline", BASELINES[1:])
def test_equal_scores_have_no_advantage(attempt, baseline):
    scores, index = torch.full((6,), 3.5, dtype=torch.float64), torch.tensor([0, 1, 2, 0, 1, 2])

    got = attempt.baseline_advantages(scores, index, baseline)

    assert_close(got, torch.zeros_like(scores))


def test_advantages_carry_no_gradient(attempt):
    scores, index = make_scores(3, 2)
    scores.requires_grad_()

    for baseline in BASELINES:
        advantages = attempt.baseline_advantages(scores, index, baseline)
        assert not advantages.requires_grad, f"advantages of {baseline} carry a gradient: detach"


@pytest.mark.parametrize(
    "dtype",
    [torch.bfloat16, torch.float16, torch.float32],
    ids=["bfloat16", "float16", "float32"],
)
def test_advantages_of_half_precision_are_computed_in_float32(attempt, dtype):
    scores, index = make_scores(5, 7, 3, dtype=dtype)

    for baseline in BASELINES:
        expected = one_by_one(scores.double(), index, baseline).float()
        got = attempt.baseline_advantages(scores, index, baseline)
        assert_close(got, expected, label=baseline)


@pytest.mark.parametrize("baseline", ["", "loo", "RLOO"])
def test_rejects_other_baselines(attempt, baseline):
    with pytest.raises(ValueError):
        attempt.baseline_advantages(*make_scores(2, 2), baseline)


def test_advantages_lie_where_the_scores_do(attempt):
    for baseline in BASELINES:
        assert_follows_device(attempt.baseline_advantages, *make_scores(2, 3), baseline)


def test_loss_matches_a_case_worked_by_hand(attempt):
    # log-probabilities of the responses: -3 and -4; advantages 2 and -3: (6 - 12) / 2
    log_prob = scalar([[-1.0, -2.0, -50.0], [-4.0, -70.0, -80.0]])
    mask = torch.tensor([[True, True, False], [True, False, False]])

    assert_close(attempt.reinforce_loss(log_prob, scalar([2.0, -3.0]), mask), scalar(-3.0))


@pytest.mark.parametrize(
    "B, T",
    [
        pytest.param(5, 7, id="usual"),
        pytest.param(3, 3, id="square"),
        pytest.param(1, 9, id="one-response"),
        pytest.param(4, 1, id="one-token"),
    ],
)
def test_loss_follows_the_sum_over_responses(attempt, B, T):
    batch = make_batch(B, T)
    expected = response_by_response(*batch)

    assert_close(attempt.reinforce_loss(*batch), expected)


def test_only_log_prob_gets_a_gradient(attempt, reference):
    log_prob, advantages, response_mask = make_batch()

    assert_same_gradients(
        lambda x, A: attempt.reinforce_loss(x, A, response_mask),
        lambda x, A: reference.reinforce_loss(x, A, response_mask),
        log_prob,
        advantages,
        names=("log_prob", "advantages"),
    )


def test_the_gradient_at_each_token_is_the_advantage(attempt):
    log_prob, advantages, response_mask = make_batch()
    expected = -advantages[:, None] * response_mask / 5

    loss = attempt.reinforce_loss(log_prob.requires_grad_(), advantages, response_mask)
    assert loss.requires_grad, "the loss is cut off from log_prob: no gradient flows back"
    (gradient,) = torch.autograd.grad(loss, log_prob)

    assert_close(gradient, expected, label="the gradient of log_prob")


def test_an_empty_response_still_counts(attempt):
    log_prob, advantages, response_mask = make_batch()
    response_mask[3] = False
    expected = response_by_response(log_prob, advantages, response_mask)

    assert_close(attempt.reinforce_loss(log_prob, advantages, response_mask), expected)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -1e4])
def test_padding_changes_neither_loss_nor_gradient(attempt, value):
    log_prob, advantages, response_mask = make_batch()
    expected = response_by_response(log_prob, advantages, response_mask)
    slopes = -advantages[:, None] * response_mask / 5
    leaf = log_prob.masked_fill(~response_mask, value).requires_grad_()

    loss = attempt.reinforce_loss(leaf, advantages, response_mask)
    assert loss.requires_grad, "the loss is cut off from log_prob: no gradient flows back"
    (gradient,) = torch.autograd.grad(loss, leaf)

    assert_close(loss, expected)
    assert_close(gradient, slopes, label="the gradient of log_prob")


@pytest.mark.parametrize(
    "dtype",
    [torch.bfloat16, torch.float16, torch.float32],
    ids=["bfloat16", "float16", "float32"],
)
def test_loss_of_half_precision_is_computed_in_float32(attempt, dtype):
    log_prob, advantages, response_mask = make_batch(4, 300, dtype=dtype)
    response_mask = ~response_mask
    expected = response_by_response(log_prob.double(), advantages.double(), response_mask)

    got = attempt.reinforce_loss(log_prob, advantages, response_mask)

    assert_close(
        got,
        expected.float(),
        rtol=1e-5,
        atol=5e-3,
        why="sums of some -600 in float32, times advantages of both signs",
    )


def test_advantages_may_be_wider_than_log_prob(attempt):
    log_prob, advantages, response_mask = make_batch(dtype=torch.bfloat16)
    advantages = advantages.float() + 0.001
    expected = response_by_response(log_prob.double(), advantages.double(), response_mask)

    got = attempt.reinforce_loss(log_prob, advantages, response_mask)

    assert_close(got, expected.float())


def test_advantages_may_be_narrower_than_log_prob(attempt):
    log_prob, advantages, response_mask = make_batch()
    advantages = advantages.float()
    expected = response_by_response(log_prob, advantages, response_mask)

    assert_close(attempt.reinforce_loss(log_prob, advantages, response_mask), expected)
