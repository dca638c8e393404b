"""Values are compared in float64, where only logic, not rounding, can differ."""

import math

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from grader.testing import assert_close, assert_same_gradients

PAIR = ("chosen_log_prob", "rejected_log_prob", "ref_chosen_log_prob", "ref_rejected_log_prob")


def make_sequences(B=3, T=9, V=7, dtype=torch.float64):
    """Logits, ids and a mask with prompts, responses and padding of different lengths."""
    response_mask = torch.zeros(B, T, dtype=torch.bool)
    for row in range(B):
        response_mask[row, 2 + row : T - (2, 0, 1)[row % 3]] = True
    return 2 * torch.randn(B, T, V, dtype=dtype), torch.randint(V, (B, T)), response_mask


def make_log_probs(B=5, dtype=torch.float64):
    """Log-probabilities of responses some 20 tokens long."""
    return [-40 + 5 * torch.randn(B, dtype=dtype) for _ in PAIR]


def from_torch(logits, input_ids, response_mask):
    """The same sum by way of torch's cross entropy."""
    labels = input_ids.masked_fill(~response_mask, -100)[:, 1:]
    losses = cross_entropy(logits[:, :-1].transpose(1, 2), labels, reduction="none")
    return -losses.sum(dim=1)


def margin_of(chosen, rejected, ref_chosen, ref_rejected):
    return (chosen - rejected) - (ref_chosen - ref_rejected).detach()


def column(*values):
    return torch.tensor(values, dtype=torch.float64)


@pytest.mark.parametrize(
    "B, T, V",
    [
        pytest.param(3, 9, 7, id="usual"),
        pytest.param(2, 6, 40, id="large-vocabulary"),
        pytest.param(5, 12, 5, id="as-many-rows-as-tokens"),
    ],
)
def test_log_prob_matches_torch_cross_entropy(attempt, B, T, V):
    sequences = make_sequences(B, T, V)
    expected = from_torch(*sequences)
    exact = {"rtol": 1e-12, "atol": 1e-12, "why": "float64 logits are computed in float64"}

    assert_close(attempt.sequence_log_prob(*sequences), expected, **exact)


def test_log_prob_gradients_match_torch_cross_entropy(attempt):
    logits, *rest = make_sequences()

    assert_same_gradients(
        lambda x: attempt.sequence_log_prob(x, *rest),
        lambda x: from_torch(x, *rest),
        logits,
        names=("logits",),
    )


def test_a_token_is_scored_by_the_logits_before_it(attempt):
    _, input_ids, response_mask = make_sequences(V=7)
    # the next token is e times as likely as each of the six others
    following = input_ids.roll(-1, dims=1)
    logits = torch.nn.functional.one_hot(following, 7).double()
    expected = (1 - math.log(math.e + 6)) * response_mask.sum(dim=1).double()

    assert_close(attempt.sequence_log_prob(logits, input_ids, response_mask), expected)


def test_log_prob_is_a_sum_over_response_tokens(attempt):
    logits = torch.zeros(3, 6, 8, dtype=torch.float64)  # each token has probability 1/8
    response_mask = torch.arange(6) >= torch.tensor([1, 3, 5])[:, None]
    expected = -math.log(8) * column(5, 3, 1)

    got = attempt.sequence_log_prob(logits, torch.randint(8, (3, 6)), response_mask)

    assert_close(got, expected)


def test_the_first_token_never_counts(attempt):
    logits = torch.zeros(2, 4, 8, dtype=torch.float64)
    response_mask = torch.tensor([[True, True, True, True], [True, True, False, False]])
    expected = -math.log(8) * column(3, 1)

    got = attempt.sequence_log_prob(logits, torch.randint(8, (2, 4)), response_mask)

    assert_close(got, expected)


def test_a_response_may_have_gaps(attempt):
    logits, input_ids, _ = make_sequences(B=4, T=12)
    response_mask = torch.arange(12) % torch.tensor([2, 3, 4, 5])[:, None] == 1
    expected = from_torch(logits, input_ids, response_mask)

    assert_close(attempt.sequence_log_prob(logits, input_ids, response_mask), expected)


def test_an_empty_response_has_log_prob_zero(attempt):
    logits, input_ids, response_mask = make_sequences()
    response_mask[1] = False
    expected = from_torch(logits, input_ids, response_mask)

    assert_close(attempt.sequence_log_prob(logits, input_ids, response_mask), expected)


def test_an_impossible_token_outside_the_response_has_no_effect(attempt):
    logits, input_ids, response_mask = make_sequences()
    input_ids[:, 1] = 0
    input_ids[:, 2:][input_ids[:, 2:] == 0] = 1
    logits[..., 0] = -math.inf
    expected = from_torch(logits, input_ids, response_mask)

    assert_close(attempt.sequence_log_prob(logits, input_ids, response_mask), expected)


def test_an_impossible_token_outside_the_response_leaves_gradients_alone(attempt):
    logits, input_ids, response_mask = make_sequences()
    input_ids[:, 1] = 0
    input_ids[:, 2:][input_ids[:, 2:] == 0] = 1
    logits[..., 0] = -math.inf

    assert_same_gradients(
        lambda x: attempt.sequence_log_prob(x, input_ids, response_mask),
        lambda x: from_torch(x, input_ids, response_mask),
        logits,
        names=("logits",),
    )


def test_log_prob_of_large_logits_is_finite(attempt):
    logits, input_ids, response_mask = make_sequences()
    logits = 2000 * logits  # exp overflows, and most probabilities are 0 in float64
    expected = from_torch(logits, input_ids, response_mask)

    assert_close(attempt.sequence_log_prob(logits, input_ids, response_mask), expected)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=["bfloat16", "float16"])
def test_log_prob_of_half_precision_is_computed_in_float32(attempt, dtype):
    logits, input_ids, response_mask = make_sequences(V=32, dtype=dtype)
    expected = from_torch(logits.double(), input_ids, response_mask).float()

    assert_close(attempt.sequence_log_prob(logits, input_ids, response_mask), expected)


def test_loss_matches_a_case_worked_by_hand(attempt):
    # margins 2 * (0.5 + 0.25) = 1.5 and 2 * (-0.5 - 1) = -3
    log_probs = column(-1, -2), column(-2, -1), column(-1.5, -1.5), column(-1.75, -2)
    expected = (math.log1p(math.exp(-1.5)) + math.log1p(math.exp(3))) / 2

    loss, chosen_rewards, rejected_rewards = attempt.dpo_loss(*log_probs, beta=2.0)

    assert_close(loss, column(expected)[0], label="loss")
    assert_close(chosen_rewards, column(1.0, -1.0), label="chosen_rewards")
    assert_close(rejected_rewards, column(-0.5, 2.0), label="rejected_rewards")


@pytest.mark.parametrize(
    "beta, label_smoothing",
    [
        pytest.param(0.1, 0.0, id="default"),
        pytest.param(0.5, 0.0, id="larger-beta"),
        pytest.param(0.1, 0.1, id="label-smoothing"),
        pytest.param(0.3, 0.45, id="labels-almost-random"),
    ],
)
def test_loss_is_the_cross_entropy_of_the_margin(attempt, beta, label_smoothing):
    log_probs = make_log_probs()
    margin = beta * margin_of(*log_probs)
    target = torch.full_like(margin, 1 - label_smoothing)
    expected = binary_cross_entropy_with_logits(margin, target)

    loss, _, _ = attempt.dpo_loss(*log_probs, beta=beta, label_smoothing=label_smoothing)

    assert_close(loss, expected, label="loss")


def test_defaults_are_beta_one_tenth_without_smoothing(attempt):
    log_probs = make_log_probs()
    margin = 0.1 * margin_of(*log_probs)
    expected = binary_cross_entropy_with_logits(margin, torch.ones_like(margin))

    assert_close(attempt.dpo_loss(*log_probs)[0], expected, label="loss")


@pytest.mark.parametrize("label_smoothing", [0.0, 0.2], ids=["dpo", "conservative"])
def test_loss_gradients_match_torch(attempt, label_smoothing):
    def expected(*log_probs):
        margin = 0.3 * margin_of(*log_probs)
        target = torch.full_like(margin, 1 - label_smoothing)
        return binary_cross_entropy_with_logits(margin, target)

    assert_same_gradients(
        lambda *x: attempt.dpo_loss(*x, beta=0.3, label_smoothing=label_smoothing)[0],
        expected,
        *make_log_probs(),
        names=PAIR,
    )


def test_the_policy_starts_at_log_two(attempt):
    chosen, rejected, *_ = make_log_probs()

    loss, _, _ = attempt.dpo_loss(chosen, rejected, chosen, rejected, label_smoothing=0.2)

    assert_close(loss, column(math.log(2))[0], label="loss")


def test_the_reference_may_be_the_policy_itself(attempt):
    # same tensors as policy and reference: only the policy's side may carry a gradient
    chosen, rejected = (x.requires_grad_() for x in make_log_probs(B=4)[:2])

    loss, _, _ = attempt.dpo_loss(chosen, rejected, chosen, rejected, beta=0.4)
    assert loss.requires_grad, "the loss is cut off from the policy: no gradient flows back"
    chosen_gradient, rejected_gradient = torch.autograd.grad(loss, [chosen, rejected])

    # -beta * sigmoid(-0) / B for the chosen, the opposite for the rejected
    assert_close(chosen_gradient, column(*[-0.05] * 4), label="the gradient of chosen_log_prob")
    assert_close(rejected_gradient, column(*[0.05] * 4), label="the gradient of rejected_log_prob")


def test_the_mean_is_over_the_losses_of_the_pairs(attempt):
    # the two margins cancel, their losses do not
    log_probs = column(-1, -9), column(-9, -1), column(-5, -5), column(-5, -5)
    expected = (math.log1p(math.exp(-8)) + math.log1p(math.exp(8))) / 2

    loss, _, _ = attempt.dpo_loss(*log_probs, beta=1.0)

    assert_close(loss, column(expected)[0], label="loss")


@pytest.mark.parametrize("sign", [1, -1], ids=["right-pair", "wrong-pair"])
@pytest.mark.parametrize("label_smoothing", [0.0, 0.1], ids=["dpo", "conservative"])
def test_a_huge_margin_gives_a_finite_loss(attempt, sign, label_smoothing):
    log_probs = column(sign * 5000, 0), column(0, 0), column(0, 0), column(0, 0)
    wrong = label_smoothing if sign == 1 else 1 - label_smoothing
    expected = (5000 * wrong + math.log(2)) / 2

    loss, _, _ = attempt.dpo_loss(*log_probs, beta=1.0, label_smoothing=label_smoothing)

    assert_close(loss, column(expected)[0], label="loss")


@pytest.mark.parametrize("sign", [1, -1], ids=["right-pair", "wrong-pair"])
def test_a_huge_margin_has_an_exact_gradient(attempt, sign):
    chosen = column(sign * 5000, 0).requires_grad_()
    # a right pair teaches nothing more; a wrong one pulls with all of beta
    expected = column(0 if sign == 1 else -0.5, -0.25)

    loss, _, _ = attempt.dpo_loss(chosen, column(0, 0), column(0, 0), column(0, 0), beta=1.0)
    assert loss.requires_grad, "the loss is cut off from the policy: no gradient flows back"
    (gradient,) = torch.autograd.grad(loss, chosen)

    assert_close(gradient, expected, label="the gradient of chosen_log_prob")


def test_rewards_are_scaled_log_ratios(attempt):
    log_probs = chosen, rejected, ref_chosen, ref_rejected = make_log_probs()

    _, chosen_rewards, rejected_rewards = attempt.dpo_loss(
        *log_probs, beta=0.3, label_smoothing=0.2
    )

    assert_close(chosen_rewards, 0.3 * (chosen - ref_chosen), label="chosen_rewards")
    assert_close(rejected_rewards, 0.3 * (rejected - ref_rejected), label="rejected_rewards")


def test_rewards_carry_no_gradient(attempt):
    log_probs = [x.requires_grad_() for x in make_log_probs()]

    _, chosen_rewards, rejected_rewards = attempt.dpo_loss(*log_probs)

    assert not chosen_rewards.requires_grad, "chosen_rewards carry a gradient: detach them"
    assert not rejected_rewards.requires_grad, "rejected_rewards carry a gradient: detach them"


def test_float32_stays_float32(attempt, reference):
    log_probs = make_log_probs(dtype=torch.float32)
    expected = reference.dpo_loss(*log_probs, beta=0.3, label_smoothing=0.1)

    got = attempt.dpo_loss(*log_probs, beta=0.3, label_smoothing=0.1)

    for label, left, right in zip(("loss", "chosen", "rejected"), got, expected, strict=True):
        assert_close(left, right, label=label)


@pytest.mark.parametrize(
    "beta, label_smoothing",
    [
        pytest.param(0.0, 0.0, id="beta-zero"),
        pytest.param(-0.1, 0.0, id="beta-negative"),
        pytest.param(0.1, 0.5, id="smoothing-one-half"),
        pytest.param(0.1, -0.1, id="smoothing-negative"),
    ],
)
def test_rejects_settings_out_of_range(attempt, beta, label_smoothing):
    with pytest.raises(ValueError):
        attempt.dpo_loss(*make_log_probs(), beta=beta, label_smoothing=label_smoothing)


def bench(attempt, size, device):
    """Size is the vocabulary: a pair of responses of 128 tokens in float32, loss and gradient."""
    logits, input_ids, mask = (x.to(device) for x in make_sequences(2, 128, size, torch.float32))
    logits.requires_grad_()
    ref = torch.tensor([-900.0, -1000.0], device=device)

    def call():
        chosen, rejected = attempt.sequence_log_prob(logits, input_ids, mask)[:, None]
        loss, *_ = attempt.dpo_loss(chosen, rejected, ref[:1], ref[1:])
        return torch.autograd.grad(loss, logits)

    return call


bench.sizes = (500, 4000, 32000)
