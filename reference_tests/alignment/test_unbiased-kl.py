"""Values are compared in float64, where only logic, not rounding, can differ."""

import math

import pytest
import torch
from torch.distributions import Categorical, kl_divergence

from grader.testing import assert_close, assert_follows_device, assert_same_gradients

BOTH = pytest.mark.parametrize("name", ["token_kl_loss", "sequence_kl_loss"])


def make_batch(name, B=5, T=7, dtype=torch.float64):
    """The arguments of a function: log-probabilities; a mask with gaps and prompts."""
    response_mask = torch.arange(T) <= torch.arange(B)[:, None] % T
    response_mask[2::3, 1:2] = False
    if T > 1:
        response_mask[1::2, 0] = False
    log_prob = -2 + 0.7 * torch.randn(B, T, dtype=torch.float64)
    near = [log_prob - 0.2 + 0.4 * torch.randn(B, T, dtype=torch.float64) for _ in range(2)]
    tensors = [log_prob, *near] if name == "token_kl_loss" else [log_prob, near[0]]
    return [*(x.to(dtype) for x in tensors), response_mask]


def scalar(value):
    return torch.tensor(value, dtype=torch.float64)


def by_hand(name, *batch):
    """The loss and its gradient, over Python floats."""
    *tensors, response_mask = batch
    gradient = torch.zeros(response_mask.shape, dtype=torch.float64)
    B, tokens = len(response_mask), max(int(response_mask.sum()), 1)
    total = 0.0
    for b, mask in enumerate(response_mask.tolist()):
        cost = 0.0
        for t in reversed([t for t, keep in enumerate(mask) if keep]):
            if name == "token_kl_loss":
                new, old, ref = (x[b, t].item() for x in tensors)
                ratio, d = math.exp(new - old), ref - new
                total += ratio * (math.exp(d) - d - 1) / tokens
                gradient[b, t] = -ratio * d / tokens
            else:
                new, ref = (x[b, t].item() for x in tensors)
                cost += new - ref
                total += (new - ref) / B
                gradient[b, t] = cost / B
    return scalar(total), gradient


def gradient_of(function, log_prob, *rest):
    leaf = log_prob.detach().clone().requires_grad_()
    loss = function(leaf, *rest)
    assert loss.requires_grad, "the loss is cut off from log_prob: no gradient flows back"
    return torch.autograd.grad(loss, leaf)[0]


@BOTH
@pytest.mark.parametrize(
    "B, T",
    [
        pytest.param(5, 7, id="usual"),
        pytest.param(4, 12, id="long"),
        pytest.param(3, 1, id="one-token"),
    ],
)
def test_loss_and_gradient_follow_the_definition(attempt, name, B, T):
    batch = make_batch(name, B, T)
    expected, gradient = by_hand(name, *batch)
    function = getattr(attempt, name)

    assert_close(function(*batch), expected)
    assert_close(gradient_of(function, *batch), gradient, label="the gradient of log_prob")


def test_token_loss_matches_a_case_worked_by_hand(attempt):
    # ratios 2 and 1/2; r of 2 and 1/4: k3 of 1 - log 2 and log 4 - 3/4
    log_prob = scalar([[0.25, 0.25, 0.9]]).log()
    old_log_prob = scalar([[0.125, 0.5, 0.1]]).log()
    ref_log_prob = scalar([[0.5, 0.0625, 0.1]]).log()
    mask = torch.tensor([[True, True, False]])
    expected = (2 * (1 - math.log(2)) + 0.5 * (math.log(4) - 0.75)) / 2

    got = attempt.token_kl_loss(log_prob, old_log_prob, ref_log_prob, mask)

    assert_close(got, scalar(expected))


def vocabulary(V=9):
    """A policy, an older one and a reference over one token; every token once, as a batch."""
    logits, old_logits, ref_logits = torch.randn(3, V, dtype=torch.float64)
    return logits.requires_grad_(), old_logits.log_softmax(0), ref_logits.log_softmax(0)


@pytest.mark.parametrize("on_policy", [True, False], ids=["on-policy", "off-policy"])
def test_the_token_gradient_is_that_of_the_kl(attempt, on_policy):
    logits, old, ref = vocabulary()
    log_p = logits.log_softmax(0)
    exact = kl_divergence(Categorical(logits=log_p), Categorical(logits=ref))
    (slopes,) = torch.autograd.grad(exact, logits, retain_graph=True)
    # the expectation: the loss of each token by itself, weighed with how often it is drawn
    old = log_p if on_policy else old
    chances = old.detach().exp()
    one = torch.ones(1, 1, dtype=torch.bool)

    losses = [
        attempt.token_kl_loss(log_p[i].view(1, 1), old[i].view(1, 1), ref[i].view(1, 1), one)
        for i in range(len(ref))
    ]
    mean = (torch.stack(losses) * chances).sum()
    assert mean.requires_grad, "the loss is cut off from log_prob: no gradient flows back"
    (gradient,) = torch.autograd.grad(mean, logits)

    assert_close(mean, exact, label="the expected loss")
    assert_close(gradient, slopes, label="the expected gradient of the logits")


def test_the_sequence_loss_is_the_mean_log_ratio(attempt):
    # log-ratios log 2, log 2 and -log 4, then log 8: (0 + log 8) / 2
    log_prob = scalar([[0.5, 0.5, 0.25], [0.5, 0.9, 0.9]]).log()
    ref_log_prob = scalar([[0.25, 0.25, 1.0], [0.0625, 0.1, 0.1]]).log()
    mask = torch.tensor([[True, True, True], [True, False, False]])

    got = attempt.sequence_kl_loss(log_prob, ref_log_prob, mask)

    assert_close(got, scalar(1.5 * math.log(2)))


def test_the_sequence_gradient_weighs_what_follows(attempt):
    # log-ratios 1, -3, padding and 5: costs 3, 2 and 5
    log_prob = torch.full((2, 4), -1.0, dtype=torch.float64)
    ref_log_prob = log_prob - scalar([[1.0, -3.0, 70.0, 5.0], [0.0, 0.0, 0.0, 0.0]])
    mask = torch.tensor([[True, True, False, True], [True, True, True, True]])
    expected = scalar([[1.5, 1.0, 0.0, 2.5], [0.0, 0.0, 0.0, 0.0]])

    got = gradient_of(attempt.sequence_kl_loss, log_prob, ref_log_prob, mask)

    assert_close(got, expected, label="the gradient of log_prob")


def test_the_sequence_gradient_is_that_of_the_kl(attempt):
    # two tokens of three; the second one's policy depends on the first
    first, second = torch.randn(3).double(), torch.randn(3, 3).double()
    ref_first, ref_second = torch.randn(3).double(), torch.randn(3, 3).double()
    first.requires_grad_()
    second.requires_grad_()
    one = torch.ones(1, 2, dtype=torch.bool)

    def log_probs(start, after, i, j):
        return torch.stack([start.log_softmax(0)[i], after.log_softmax(1)[i, j]])[None]

    responses = [(i, j) for i in range(3) for j in range(3)]
    new = [log_probs(first, second, i, j) for i, j in responses]
    ref = [log_probs(ref_first, ref_second, i, j) for i, j in responses]
    chances = [x.sum().exp() for x in new]
    exact = sum(c * (x - y).sum() for c, x, y in zip(chances, new, ref, strict=True))
    slopes = torch.autograd.grad(exact, [first, second], retain_graph=True)

    losses = [attempt.sequence_kl_loss(x, y, one) for x, y in zip(new, ref, strict=True)]
    mean = (torch.stack(losses) * torch.stack(chances).detach()).sum()
    assert mean.requires_grad, "the loss is cut off from log_prob: no gradient flows back"
    gradients = torch.autograd.grad(mean, [first, second])

    assert_close(mean, exact, label="the expected loss")
    assert_close(gradients[0], slopes[0], label="the expected gradient of the first logits")
    assert_close(gradients[1], slopes[1], label="the expected gradient of the second logits")


@BOTH
def test_only_log_prob_gets_a_gradient(attempt, reference, name):
    *tensors, response_mask = make_batch(name)

    assert_same_gradients(
        lambda *x: getattr(attempt, name)(*x, response_mask),
        lambda *x: getattr(reference, name)(*x, response_mask),
        *tensors,
        names=("log_prob", "old_log_prob", "ref_log_prob")
        if name == "token_kl_loss"
        else ("log_prob", "ref_log_prob"),
    )


def test_an_empty_response_counts_among_the_responses(attempt):
    batch = make_batch("sequence_kl_loss")
    batch[-1][1] = batch[-1][3] = False
    expected, gradient = by_hand("sequence_kl_loss", *batch)

    assert_close(attempt.sequence_kl_loss(*batch), expected)
    got = gradient_of(attempt.sequence_kl_loss, *batch)
    assert_close(got, gradient, label="the gradient of log_prob")


@BOTH
def test_a_batch_without_response_tokens_gives_zeros(attempt, name):
    *tensors, response_mask = make_batch(name)
    nothing = torch.zeros_like(response_mask)
    function = getattr(attempt, name)

    assert_close(function(*tensors, nothing), scalar(0.0))
    got = gradient_of(function, *tensors, nothing)
    assert_close(got, torch.zeros_like(tensors[0]), label="the gradient of log_prob")


@BOTH
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -1e4])
def test_padding_changes_neither_loss_nor_gradient(attempt, name, value):
    *tensors, response_mask = make_batch(name)
    expected, gradient = by_hand(name, *tensors, response_mask)
    function = getattr(attempt, name)

    # in all of them, then in log_prob alone
    for places in (range(len(tensors)), (0,)):
        filled = [
            x.masked_fill(~response_mask, value) if i in places else x
            for i, x in enumerate(tensors)
        ]
        assert_close(function(*filled, response_mask), expected)
        got = gradient_of(function, *filled, response_mask)
        assert_close(got, gradient, label="the gradient of log_prob")


@BOTH
@pytest.mark.parametrize(
    "dtype",
    [torch.bfloat16, torch.float16, torch.float32],
    ids=["bfloat16", "float16", "float32"],
)
def test_half_precision_is_computed_in_float32(attempt, name, dtype):
    # bfloat16 does not hold 297 tokens, and drops 1/512 from a difference of log-probabilities
    log_prob, *others, response_mask = make_batch(name, 99, 3, dtype=dtype)
    response_mask[:] = True
    tensors = [log_prob.clamp(-2.375, -1), *(torch.full_like(x, -1 / 512) for x in others)]
    exact, _ = by_hand(name, *(x.double() for x in tensors), response_mask)

    assert_close(getattr(attempt, name)(*tensors, response_mask), exact.float())


@BOTH
def test_float64_is_computed_in_float64(attempt, name):
    # float32 numbers near -100 lie 8e-6 apart: 3e-6 is lost
    log_prob, *others, response_mask = make_batch(name)
    log_prob = log_prob.round() - 100
    batch = log_prob, *(log_prob - 2 - 3e-6 for _ in others), response_mask
    expected, _ = by_hand(name, *batch)

    assert_close(getattr(attempt, name)(*batch), expected)


@BOTH
def test_the_loss_lies_where_log_prob_does(attempt, name):
    assert_follows_device(getattr(attempt, name), *make_batch(name))
