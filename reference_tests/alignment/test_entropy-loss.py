"""Values are compared in float64, where only logic, not rounding, can differ."""

import math

import pytest
import torch
from torch.nn.functional import cross_entropy

from grader.testing import assert_close, assert_follows_device, assert_same_gradients


def make_batch(B=4, T=6, V=11, dtype=torch.float64):
    response_mask = torch.arange(T) <= torch.arange(B)[:, None] % T
    response_mask[2::3, 1:2] = False
    return 2 * torch.randn(B, T, V, dtype=dtype), response_mask


def scalar(value):
    return torch.tensor(value, dtype=torch.float64)


def from_torch(logits, response_mask):
    """Entropy as the cross entropy of a distribution with itself."""
    kept = logits[response_mask]
    return cross_entropy(kept, kept.softmax(dim=-1))


def gradient_of(attempt, logits, response_mask):
    leaf = logits.detach().clone().requires_grad_()
    loss = attempt.compute_entropy_loss(leaf, response_mask)
    assert loss.requires_grad, "the loss is cut off from the logits: no gradient flows back"
    return torch.autograd.grad(loss, leaf)[0]


def slopes(logits, response_mask):
    """-p * (log p + H) for each response token, divided by their number."""
    kept = logits[response_mask]
    p = kept.softmax(dim=-1)
    log_p = kept.log_softmax(dim=-1).masked_fill(p == 0, 0)
    H = -(p * log_p).sum(dim=-1, keepdim=True)
    gradient = torch.zeros_like(logits)
    gradient[response_mask] = -p * (log_p + H) / len(kept)
    return gradient


@pytest.mark.parametrize(
    "B, T, V",
    [
        pytest.param(4, 6, 11, id="usual"),
        pytest.param(3, 3, 3, id="cube"),
        pytest.param(2, 9, 50, id="large-vocabulary"),
        pytest.param(5, 1, 2, id="one-token-each"),
        pytest.param(1, 6, 5, id="one-token-in-all"),
    ],
)
def test_follows_torch_token_by_token(attempt, B, T, V):
    batch = make_batch(B, T, V)
    expected = from_torch(*batch)

    assert_close(attempt.compute_entropy_loss(*batch), expected)


def test_matches_a_case_worked_by_hand(attempt):
    # probabilities 1/2, 1/4, 1/4 and 1/8, 3/8, 1/2, whatever their level
    logits = scalar([[[0.5, 0.25, 0.25], [0.25, 0.75, 1.0], [9.0, 1.0, 1.0]]]).log()
    logits[0, 0] += 3
    mask = torch.tensor([[True, True, False]])
    first = 1.5 * math.log(2)
    second = math.log(8) / 8 + 3 / 8 * math.log(8 / 3) + math.log(2) / 2

    assert_close(attempt.compute_entropy_loss(logits, mask), scalar((first + second) / 2))


@pytest.mark.parametrize("V", [2, 7, 100])
def test_a_uniform_policy_has_the_log_of_the_vocabulary(attempt, V):
    # beside it one that is certain: the mean is half of the logarithm
    logits = torch.full((1, 2, V), 5.0, dtype=torch.float64)
    logits[0, 1, 0] = 2000.0
    expected = scalar(math.log(V) / 2)

    got = attempt.compute_entropy_loss(logits, torch.ones(1, 2, dtype=torch.bool))

    assert_close(got, expected)


def test_gradients_follow_torch(attempt):
    logits, response_mask = make_batch()

    assert_same_gradients(
        lambda x: attempt.compute_entropy_loss(x, response_mask),
        lambda x: from_torch(x, response_mask),
        logits,
        names=("logits",),
    )


def test_the_gradient_pushes_likely_tokens_down(attempt):
    batch = make_batch()
    expected = slopes(*batch)

    assert_close(gradient_of(attempt, *batch), expected, label="the gradient of logits")


def never_drawn():
    """A batch with tokens of probability 0: one, several, all but one, and underflow."""
    logits, response_mask = make_batch()
    logits[0, 0, 3] = -math.inf
    logits[1, :2, ::2] = -math.inf
    logits[2, 0, 1:] = -math.inf
    logits[3, 3, 4] = -5000.0
    return logits, response_mask


@pytest.mark.parametrize("level", [0.0, 30_000.0, -30_000.0], ids=["usual", "high", "low"])
def test_a_token_that_is_never_drawn_adds_nothing(attempt, level):
    logits, response_mask = never_drawn()
    logits += level
    # their p is 0 with any logit that is far below the others
    expected = from_torch(logits.clamp(min=level - 5000), response_mask)

    assert_close(attempt.compute_entropy_loss(logits, response_mask), expected)


def test_a_token_that_is_never_drawn_has_gradient_zero(attempt):
    batch = never_drawn()
    expected = slopes(*batch)

    assert_close(gradient_of(attempt, *batch), expected, label="the gradient of logits")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("level", [30_000.0, -30_000.0], ids=["high", "low"])
def test_the_level_of_the_logits_does_not_count(attempt, level, dtype):
    logits, response_mask = make_batch(dtype=dtype)
    logits = logits + level  # float32 is spaced 1/512 apart here
    expected = from_torch(logits.double(), response_mask).to(dtype)

    assert_close(attempt.compute_entropy_loss(logits, response_mask), expected)


def test_long_responses_weigh_more(attempt):
    # nine tokens with an entropy of log 2, one with log 4
    logits = torch.zeros(2, 9, 4, dtype=torch.float64)
    logits[0, :, 2:] = -1000.0
    response_mask = torch.arange(9) < torch.tensor([9, 1])[:, None]

    got = attempt.compute_entropy_loss(logits, response_mask)

    assert_close(got, scalar(1.1 * math.log(2)))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 50.0])
def test_padding_changes_neither_loss_nor_gradient(attempt, value):
    logits, response_mask = make_batch()
    expected, gradient = from_torch(logits, response_mask), slopes(logits, response_mask)
    filled = logits.masked_fill(~response_mask[..., None], value)

    assert_close(attempt.compute_entropy_loss(filled, response_mask), expected)
    got = gradient_of(attempt, filled, response_mask)
    assert_close(got, gradient, label="the gradient of logits")


def test_without_response_tokens_loss_and_gradient_are_zero(attempt):
    logits, response_mask = make_batch()
    nothing = torch.zeros_like(response_mask)

    assert_close(attempt.compute_entropy_loss(logits, nothing), scalar(0.0))
    got = gradient_of(attempt, logits, nothing)
    assert_close(got, torch.zeros_like(logits), label="the gradient of logits")


@pytest.mark.parametrize(
    "dtype",
    [torch.bfloat16, torch.float16, torch.float32],
    ids=["bfloat16", "float16", "float32"],
)
def test_half_precision_is_computed_in_float32(attempt, dtype):
    logits, response_mask = make_batch(3, 99, 300, dtype=dtype)
    response_mask[:] = True  # 297 tokens: bfloat16 has 296 and 298
    expected = from_torch(logits.double(), response_mask).float()

    assert_close(attempt.compute_entropy_loss(logits, response_mask), expected)


def test_the_loss_lies_where_the_logits_do(attempt):
    assert_follows_device(attempt.compute_entropy_loss, *make_batch())
