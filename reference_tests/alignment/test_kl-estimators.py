"""Values are compared in float64, where only logic, not rounding, can differ."""

import math

import pytest
import torch
from torch.distributions import Categorical, kl_divergence

from grader.testing import assert_close, assert_same_gradients

KINDS = pytest.mark.parametrize("kind", ["k1", "k2", "k3"])


def make_log_probs(*shape, dtype=torch.float64):
    """The reference less likely on average, ratios from about 1/5 to 3."""
    log_prob = -2 + torch.randn(shape, dtype=dtype)
    return log_prob, log_prob - 0.3 + 0.7 * torch.randn(shape, dtype=dtype)


def make_logits(*shape, dtype=torch.float64):
    return torch.randn(shape, dtype=dtype), torch.randn(shape, dtype=dtype)


def scalar(value):
    return torch.tensor(value, dtype=torch.float64)


def formula(log_prob, ref_log_prob, kind):
    """The three formulas on Python floats."""
    r = math.exp(ref_log_prob - log_prob)
    return {"k1": -math.log(r), "k2": math.log(r) ** 2 / 2, "k3": r - 1 - math.log(r)}[kind]


def by_hand(logits, ref_logits, kind):
    """Two passes over the vocabulary on Python floats."""
    p, ref = (torch.softmax(x, dim=-1).tolist() for x in (logits, ref_logits))
    estimates = [
        formula(math.log(a), math.log(b), kind) if a > 0 else 0.0
        for a, b in zip(p, ref, strict=True)
    ]
    kl = sum(a * math.log(a / b) for a, b in zip(p, ref, strict=True) if a > 0)
    mean = sum(a * k for a, k in zip(p, estimates, strict=True))
    variance = sum(a * (k - mean) ** 2 for a, k in zip(p, estimates, strict=True))
    return scalar(mean - kl), scalar(variance)


def check(got, expected):
    assert len(got) == 2, f"expected two results, got {len(got)}"
    assert_close(got[0], expected[0], label="bias")
    assert_close(got[1], expected[1], label="variance")


@pytest.mark.parametrize(
    "kind, expected",
    [
        pytest.param("k1", [-math.log(2), math.log(4)], id="k1"),
        pytest.param("k2", [math.log(2) ** 2 / 2, math.log(4) ** 2 / 2], id="k2"),
        pytest.param("k3", [1 - math.log(2), -0.75 + math.log(4)], id="k3"),
    ],
)
def test_estimates_match_a_case_worked_by_hand(attempt, kind, expected):
    # the reference is twice and a quarter as likely as the policy: r = 2 and r = 1/4
    log_prob = scalar([0.25, 0.5]).log()
    ref_log_prob = scalar([0.5, 0.125]).log()

    assert_close(attempt.kl_estimate(log_prob, ref_log_prob, kind), scalar(expected))


@KINDS
@pytest.mark.parametrize(
    "shape",
    [
        pytest.param((5,), id="one-axis"),
        pytest.param((3, 7), id="two-axes"),
        pytest.param((2, 3, 4), id="three-axes"),
        pytest.param((), id="a-scalar"),
        pytest.param((0, 4), id="empty"),
    ],
)
def test_every_sample_has_its_own_estimate(attempt, kind, shape):
    log_prob, ref_log_prob = make_log_probs(*shape)
    pairs = zip(log_prob.flatten().tolist(), ref_log_prob.flatten().tolist(), strict=True)
    expected = scalar([formula(*pair, kind) for pair in pairs]).reshape(shape)

    assert_close(attempt.kl_estimate(log_prob, ref_log_prob, kind), expected)


@KINDS
def test_the_mean_over_samples_approaches_what_the_vocabulary_sum_says(attempt, reference, kind):
    # no token so rare that it may be missing in the sample
    logits, ref_logits = (x.clamp(-1.5, 1.5) for x in make_logits(6))
    bias, variance = reference.bias_and_variance(logits, ref_logits, kind)
    policy, ref = Categorical(logits=logits), Categorical(logits=ref_logits)
    tokens = policy.sample((20_000,))
    log_probs = policy.log_prob(tokens), ref.log_prob(tokens)
    exact = kl_divergence(policy, ref) + bias
    # six standard errors: once in 5e8
    atol = 6 * math.sqrt(variance.item() / 20_000)

    got = attempt.kl_estimate(*log_probs, kind)

    assert_close(got.mean(), exact, rtol=0.0, atol=atol, why="six standard errors of the mean")


@KINDS
def test_gradients_are_those_of_the_formulas(attempt, kind):
    log_prob, ref_log_prob = make_log_probs(4, 5)

    def formulas(x, y):
        r = torch.exp(y - x)
        return {"k1": x - y, "k2": 0.5 * (x - y) ** 2, "k3": r - 1 + x - y}[kind]

    assert_same_gradients(
        lambda x, y: attempt.kl_estimate(x, y, kind),
        formulas,
        log_prob,
        ref_log_prob,
        names=("log_prob", "ref_log_prob"),
    )


def test_k3_is_precise_where_the_ratio_is_near_one(attempt):
    # log_prob 0: the difference of the two is exact
    log_r = scalar([1e-8, -1e-8, 4e-8, -3e-8])
    expected = log_r**2 / 2 + log_r**3 / 6

    got = attempt.kl_estimate(torch.zeros_like(log_r), log_r, "k3")

    assert_close(got, expected, rtol=1e-3, atol=0.0, why="the spec asks for 0.1 %")


@KINDS
def test_equal_models_have_estimate_zero(attempt, kind):
    log_prob, _ = make_log_probs(4)

    assert_close(attempt.kl_estimate(log_prob, log_prob.clone(), kind), torch.zeros_like(log_prob))


@KINDS
def test_float32_stays_float32(attempt, kind):
    log_prob, ref_log_prob = make_log_probs(3, 4, dtype=torch.float32)
    wide = [
        formula(x, y, kind)
        for x, y in zip(log_prob.flatten().tolist(), ref_log_prob.flatten().tolist(), strict=True)
    ]
    expected = torch.tensor(wide).reshape(3, 4)

    got = attempt.kl_estimate(log_prob, ref_log_prob, kind)

    assert_close(got, expected, rtol=1e-5, atol=1e-6, why="float32's rounding of the difference")


@KINDS
@pytest.mark.parametrize(
    "shape",
    [
        pytest.param((6,), id="one-pair"),
        pytest.param((3, 5), id="three-pairs"),
        pytest.param((4, 4), id="as-many-pairs-as-tokens"),
        pytest.param((2, 3, 7), id="batch-and-time"),
        pytest.param((3, 1), id="one-token"),
    ],
)
def test_bias_and_variance_are_sums_over_the_vocabulary(attempt, kind, shape):
    logits, ref_logits = make_logits(*shape)
    rows = zip(
        logits.flatten(0, -2) if len(shape) > 1 else logits[None],
        ref_logits.flatten(0, -2) if len(shape) > 1 else ref_logits[None],
        strict=True,
    )
    pairs = [by_hand(*row, kind) for row in rows]
    expected = [torch.stack(column).reshape(shape[:-1]) for column in zip(*pairs, strict=True)]

    check(attempt.bias_and_variance(logits, ref_logits, kind), expected)


@pytest.mark.parametrize(
    "kind, bias, variance",
    [
        # p = 1/2, 1/2 and q = 1/4, 3/4: k1 = log 2, -log 1.5; KL = log(4/3) / 2
        pytest.param("k1", 0.0, (math.log(3) / 2) ** 2, id="k1"),
        pytest.param(
            "k2",
            (math.log(2) ** 2 + math.log(1.5) ** 2) / 4 - math.log(4 / 3) / 2,
            ((math.log(2) ** 2 - math.log(1.5) ** 2) / 4) ** 2,
            id="k2",
        ),
        # k3 = log 2 - 1/2 and 1/2 - log 1.5
        pytest.param("k3", 0.0, ((math.log(3) - 1) / 2) ** 2, id="k3"),
    ],
)
def test_bias_and_variance_match_a_case_worked_by_hand(attempt, kind, bias, variance):
    logits, ref_logits = scalar([0.5, 0.5]).log(), scalar([0.25, 0.75]).log()

    check(attempt.bias_and_variance(logits, ref_logits, kind), (scalar(bias), scalar(variance)))


def test_only_k2_is_biased(attempt):
    # the reference's probabilities are halved and doubled: far apart
    logits, ref_logits = scalar([2.0, 0.0, -1.0]), scalar([-1.0, 1.0, 2.0])
    biases = {kind: by_hand(logits, ref_logits, kind)[0] for kind in ("k1", "k2", "k3")}

    for kind, bias in biases.items():
        got, _ = attempt.bias_and_variance(logits, ref_logits, kind)
        assert_close(got, bias, label=f"the bias of {kind}")


def test_logits_need_not_be_normalised(attempt):
    logits, ref_logits = make_logits(3, 6)
    shift = scalar([[5.0], [-3.0], [800.0]])
    expected = [
        torch.stack(column)
        for column in zip(
            *(by_hand(*row, "k3") for row in zip(logits, ref_logits, strict=True)), strict=True
        )
    ]

    check(attempt.bias_and_variance(logits + shift, ref_logits - shift, "k3"), expected)


@KINDS
def test_a_token_that_is_never_drawn_adds_nothing(attempt, kind):
    logits, ref_logits = make_logits(3, 6)
    logits[0, 2] = logits[1, 0] = logits[1, 5] = -math.inf
    pairs = [by_hand(*row, kind) for row in zip(logits, ref_logits, strict=True)]
    expected = [torch.stack(column) for column in zip(*pairs, strict=True)]

    check(attempt.bias_and_variance(logits, ref_logits, kind), expected)


def test_a_rare_token_counts(attempt):
    # the policy's probability is 2.5e-14, the reference's 0.3: p * r is 0.3 as well
    logits, ref_logits = scalar([0.0, -30.0, 1.0]), scalar([0.0, 0.5, 1.0])
    expected = by_hand(logits, ref_logits, "k3")

    check(attempt.bias_and_variance(logits, ref_logits, "k3"), expected)


@KINDS
def test_bias_and_variance_of_float32_are_float32(attempt, kind):
    logits, ref_logits = make_logits(3, 6, dtype=torch.float32)
    pairs = [by_hand(*row, kind) for row in zip(logits.double(), ref_logits.double(), strict=True)]
    expected = [torch.stack(column).float() for column in zip(*pairs, strict=True)]

    got = attempt.bias_and_variance(logits, ref_logits, kind)

    assert len(got) == 2, f"expected two results, got {len(got)}"
    for name, value, want in zip(("bias", "variance"), got, expected, strict=True):
        why = "the bias is a small difference, and the variance squares what exp has rounded"
        assert_close(value, want, rtol=1e-4, atol=1e-5, why=why, label=name)


@KINDS
def test_a_policy_that_is_the_reference_has_neither_bias_nor_variance(attempt, kind):
    logits, _ = make_logits(4, 9)
    expected = [torch.zeros(4, dtype=torch.float64)] * 2

    check(attempt.bias_and_variance(logits, logits.clone(), kind), expected)


def test_the_variance_does_not_cancel(attempt):
    # k1 is some 1e5 for both tokens and 0.01 apart: E[k^2] - E[k]^2 is 1e10 - 1e10
    logits = scalar([0.0, 0.0, -math.inf])
    ref_logits = scalar([0.0, 0.01, 1e5])
    expected = scalar(0.005**2)

    _, variance = attempt.bias_and_variance(logits, ref_logits, "k1")

    assert_close(variance, expected, rtol=1e-6, atol=0.0, why="1e5 has 11 digits after the point")


@pytest.mark.parametrize("kind", ["k4", "K1", "", "kl"])
def test_rejects_other_kinds(attempt, kind):
    with pytest.raises(ValueError):
        attempt.kl_estimate(*make_log_probs(3), kind)
    with pytest.raises(ValueError):
        attempt.bias_and_variance(*make_logits(3), kind)
