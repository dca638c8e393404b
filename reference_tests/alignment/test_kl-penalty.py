"""Values are compared in float64, where only logic, not rounding, can differ."""

import math

import pytest
import torch

from grader.testing import assert_close, assert_follows_device

K1 = ("kl", "k1")
K3 = ("low_var_kl", "k3")
NAMES = (*K1, "abs", "mse", "k2", *K3)
EVERY_NAME = pytest.mark.parametrize("name", NAMES)
WITH_PLUS = pytest.mark.parametrize(
    "name", ["kl+", "k1+", "abs+", "mse+", "k2+", "low_var_kl+", "k3+"]
)


def make_log_probs(*shape, spread=0.6, dtype=torch.float64):
    """Pairs on both sides of equal, none of them equal; k3 stays well below its clamp."""
    log_ratio = spread * torch.randn(*shape, dtype=torch.float64)
    log_ratio = log_ratio.clamp(-2, 2) + 0.05 * log_ratio.sign()
    logprob = -3 + torch.rand(*shape, dtype=torch.float64)
    return logprob.to(dtype), (logprob - log_ratio).to(dtype)


def make_batch(B=4, T=6, dtype=torch.float64):
    response_mask = torch.arange(T) <= torch.arange(B)[:, None]
    response_mask[2, 1] = False
    scores = 2 + torch.randn(B, T, dtype=dtype)
    return scores, *make_log_probs(B, T, dtype=dtype), response_mask


def scalar(value):
    return torch.tensor(value, dtype=torch.float64)


def one_by_one(logprob, ref_logprob, name):
    """Each penalty and its slope in logprob, over Python floats."""
    values, slopes = [], []
    pairs = zip(logprob.flatten().tolist(), ref_logprob.flatten().tolist(), strict=True)
    for x in (a - b for a, b in pairs):
        if name.startswith(K1):
            value, slope = x, 1.0
        elif name.startswith("abs"):
            value, slope = abs(x), math.copysign(1.0, x)
        elif name.startswith(("mse", "k2")):
            value, slope = x * x / 2, x
        else:
            value, slope = math.exp(-x) + x - 1, 1 - math.exp(-x)
        values.append(value)
        slopes.append(x if name.endswith("+") else slope)
    return scalar(values).view_as(logprob), scalar(slopes).view_as(logprob)


def slopes_of(attempt, logprob, ref_logprob, name):
    """The gradient of each tensor under a random cotangent, and that cotangent."""
    leaves = [x.detach().clone().requires_grad_() for x in (logprob, ref_logprob)]
    penalty = attempt.kl_penalty(*leaves, name)
    assert penalty.requires_grad, "the penalty is cut off from logprob: no gradient flows back"
    cotangent = torch.rand_like(penalty) + 0.5
    gradients = torch.autograd.grad((penalty * cotangent).sum(), leaves, allow_unused=True)
    return [g if g is not None else torch.zeros_like(logprob) for g in gradients], cotangent


def check_slopes(attempt, logprob, ref_logprob, name, slopes):
    (got, got_ref), cotangent = slopes_of(attempt, logprob, ref_logprob, name)

    assert_close(got, slopes * cotangent, label="the gradient of logprob")
    assert_close(got_ref, -slopes * cotangent, label="the gradient of ref_logprob")


@pytest.mark.parametrize(
    "names, expected",
    [
        # probabilities 1/2 against 1/4, and 1/2 against 3/4
        pytest.param(K1, [math.log(2), math.log(2 / 3)], id="k1"),
        pytest.param(("abs",), [math.log(2), math.log(1.5)], id="abs"),
        pytest.param(("mse", "k2"), [math.log(2) ** 2 / 2, math.log(1.5) ** 2 / 2], id="k2"),
        pytest.param(K3, [math.log(2) - 0.5, 0.5 - math.log(1.5)], id="k3"),
    ],
)
def test_matches_a_case_worked_by_hand(attempt, names, expected):
    for name in names:
        got = attempt.kl_penalty(scalar([0.5, 0.5]).log(), scalar([0.25, 0.75]).log(), name)
        assert_close(got, scalar(expected), label=name)


@EVERY_NAME
def test_follows_the_formula_at_each_token(attempt, name):
    for shape in ((3, 5), (7,), (2, 3, 4)):
        pair = make_log_probs(*shape)
        expected, _ = one_by_one(*pair, name)

        assert_close(attempt.kl_penalty(*pair, name), expected)


@EVERY_NAME
def test_gradients_are_those_of_the_formula(attempt, name):
    pair = make_log_probs(4, 5)

    check_slopes(attempt, *pair, name, one_by_one(*pair, name)[1])


@WITH_PLUS
def test_a_plus_keeps_the_value(attempt, name):
    pair = make_log_probs(3, 5)
    expected, _ = one_by_one(*pair, name)

    assert_close(attempt.kl_penalty(*pair, name), expected)


@WITH_PLUS
def test_a_plus_gives_the_gradient_of_k2(attempt, name):
    pair = make_log_probs(4, 5)

    check_slopes(attempt, *pair, name, one_by_one(*pair, name)[1])


@pytest.mark.parametrize("name", [*K3, "k3+"])
def test_k3_is_at_most_ten(attempt, name):
    # 2.5 gives 8.68, 2.7 would give 11.2; -8 gives 7.0003, -12 would give 11
    log_ratio = -scalar([2.5, 2.7, 30.0, 1000.0, -8.0, -12.0, -30.0, -1000.0])
    expected = scalar([math.exp(2.5) - 3.5, 10, 10, 10, math.exp(-8) + 7, 10, 10, 10])
    ref_logprob = torch.full_like(log_ratio, -2.0)

    assert_close(attempt.kl_penalty(ref_logprob + log_ratio, ref_logprob, name), expected)


@pytest.mark.parametrize(
    "log_ratio", [-5.0, -1000.0], ids=["log-ratio-minus-5", "log-ratio-minus-1000"]
)
def test_where_k3_is_clamped_the_gradient_is_zero(attempt, log_ratio):
    logprob = torch.full((2, 3), log_ratio - 1.0, dtype=torch.float64)
    ref_logprob = torch.full_like(logprob, -1.0)

    check_slopes(attempt, logprob, ref_logprob, "k3", torch.zeros_like(logprob))


def test_a_clamped_k3_with_a_plus_still_pulls(attempt):
    logprob, ref_logprob = scalar([-6.0, -31.0]), scalar([-1.0, -1.0])

    check_slopes(attempt, logprob, ref_logprob, "k3+", scalar([-5.0, -30.0]))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=["bfloat16", "float16"])
@pytest.mark.parametrize("name", ["kl", "abs", "k2", "k3", "k3+"])
def test_half_precision_is_computed_in_float32(attempt, name, dtype):
    pair = [x.to(dtype) for x in make_log_probs(4, 40)]
    expected = one_by_one(*(x.double() for x in pair), name)[0].float()

    assert_close(attempt.kl_penalty(*pair, name), expected)


@pytest.mark.parametrize("name", ["kl", "abs", "k2", "k3", "k3+"])
def test_float32_stays_float32(attempt, name):
    pair = make_log_probs(3, 5, dtype=torch.float32)
    expected = one_by_one(*(x.double() for x in pair), name)[0].float()

    assert_close(
        attempt.kl_penalty(*pair, name),
        expected,
        rtol=1e-5,
        atol=1e-6,
        why="k3 subtracts numbers near 1, each rounded to 1e-7",
    )


@pytest.mark.parametrize("name", ["full", "", "+", "k3++", "KL"])
def test_rejects_other_names(attempt, name):
    with pytest.raises(ValueError):
        attempt.kl_penalty(*make_log_probs(2, 3), name)
    with pytest.raises(ValueError):
        attempt.apply_kl_penalty(*make_batch(), 0.1, name)


@pytest.mark.parametrize("name", ["kl", "abs", "mse", "k3", "k3+"])
def test_the_penalty_is_taken_off_each_token(attempt, name):
    scores, log_prob, ref_log_prob, response_mask = make_batch()
    penalty, _ = one_by_one(log_prob, ref_log_prob, name)
    expected = scores - 0.3 * penalty * response_mask

    rewards, _ = attempt.apply_kl_penalty(scores, log_prob, ref_log_prob, response_mask, 0.3, name)

    assert_close(rewards, expected, label="token_level_rewards")


def test_rewards_match_a_case_worked_by_hand(attempt):
    # log-ratios log 2, -log 2, log 4 and a token of padding; the score comes with the last one
    log_prob = scalar([[0.5, 0.25, 1.0, 0.5]]).log()
    ref_log_prob = scalar([[0.25, 0.5, 0.25, 0.125]]).log()
    scores, mask = scalar([[0.0, 0.0, 3.0, 0.0]]), torch.tensor([[True, True, True, False]])
    step = 0.5 * math.log(2)

    rewards, current_kl = attempt.apply_kl_penalty(scores, log_prob, ref_log_prob, mask, 0.5)

    assert_close(rewards, scalar([[-step, step, 3 - 2 * step, 0]]), label="token_level_rewards")
    assert_close(current_kl, scalar(2 * math.log(2) / 3), label="current_kl")


@pytest.mark.parametrize("name", ["k1", "k2", "low_var_kl", "abs+"])
def test_current_kl_is_a_mean_over_responses_of_means_over_tokens(attempt, name):
    scores, log_prob, ref_log_prob, response_mask = make_batch()
    penalty, _ = one_by_one(log_prob, ref_log_prob, name)
    kept = [row[keep].mean() for row, keep in zip(penalty, response_mask, strict=True)]
    expected = torch.stack(kept).mean()

    _, current_kl = attempt.apply_kl_penalty(
        scores, log_prob, ref_log_prob, response_mask, 0.3, name
    )

    assert_close(current_kl, expected, label="current_kl")


def test_an_empty_response_counts_with_zero(attempt):
    scores, log_prob, ref_log_prob, response_mask = make_batch()
    response_mask[1] = False
    penalty = (log_prob - ref_log_prob) * response_mask
    kl = (penalty.sum(dim=1) / response_mask.sum(dim=1).clamp(min=1)).sum() / 4

    rewards, current_kl = attempt.apply_kl_penalty(
        scores, log_prob, ref_log_prob, response_mask, 0.3
    )

    assert_close(rewards, scores - 0.3 * penalty, label="token_level_rewards")
    assert_close(current_kl, kl, label="current_kl")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -50.0])
@pytest.mark.parametrize("name", ["kl", "k3"])
def test_padding_is_free(attempt, value, name):
    *tensors, response_mask = make_batch()
    penalty = one_by_one(tensors[1], tensors[2], name)[0] * response_mask
    expected = tensors[0] - 0.3 * penalty
    kl = (penalty.sum(dim=1) / response_mask.sum(dim=1)).mean()

    # in the policy's, the reference's, and both
    for places in ((1,), (2,), (1, 2)):
        filled = [
            x.masked_fill(~response_mask, value) if i in places else x
            for i, x in enumerate(tensors)
        ]
        rewards, current_kl = attempt.apply_kl_penalty(*filled, response_mask, 0.3, name)

        assert_close(rewards, expected, label="token_level_rewards")
        assert_close(current_kl, kl, label="current_kl")


@pytest.mark.parametrize("name", ["kl", "k3+"])
def test_rewards_are_constants(attempt, name):
    *tensors, response_mask = make_batch()
    tensors = [x.requires_grad_() for x in tensors]

    rewards, current_kl = attempt.apply_kl_penalty(*tensors, response_mask, 0.3, name)

    assert not rewards.requires_grad, "token_level_rewards carry a gradient: detach them"
    assert not current_kl.requires_grad, "current_kl carries a gradient: detach it"


def test_rewards_of_half_precision_are_float32(attempt):
    scores, log_prob, ref_log_prob, response_mask = make_batch(dtype=torch.bfloat16)
    penalty = (log_prob.double() - ref_log_prob.double()) * response_mask
    expected = (scores.double() - 0.3 * penalty).float()

    rewards, _ = attempt.apply_kl_penalty(scores, log_prob, ref_log_prob, response_mask, 0.3)

    assert_close(rewards, expected, label="token_level_rewards")


def test_current_kl_of_half_precision_is_computed_in_float32(attempt):
    # bfloat16 has 256 and 258, but neither the 257 tokens nor the 257.5 that they add up to
    log_prob = torch.full((2, 257), -1.0, dtype=torch.bfloat16)
    ref_log_prob = log_prob - 1
    ref_log_prob[:, 3] = -2.5
    response_mask = torch.ones(2, 257, dtype=torch.bool)
    expected = torch.tensor(257.5 / 257)

    _, current_kl = attempt.apply_kl_penalty(
        torch.zeros_like(log_prob), log_prob, ref_log_prob, response_mask, 0.3
    )

    assert_close(current_kl, expected, label="current_kl")


def test_rewards_lie_where_the_scores_do(attempt):
    assert_follows_device(attempt.apply_kl_penalty, *make_batch(), 0.3, "k3+")
