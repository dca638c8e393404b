"""Values are compared in float64, where only logic, not rounding, can differ."""

import math

import pytest
import torch

from grader.testing import assert_close, assert_follows_device, assert_same_gradients

NAMES = ("loss", "sft_loss", "log_odds_ratio")


def make_batch(B=5, T_c=7, T_r=9, dtype=torch.float64):
    chosen_mask = torch.arange(T_c) <= torch.arange(B)[:, None] % T_c
    rejected_mask = torch.arange(T_r) >= torch.arange(B)[:, None] % T_r
    chosen_mask[2::3, 1:2] = False
    rejected_mask[1::3, -2:-1] = False
    chosen, rejected = -3 * torch.rand(B, T_c).double(), -4 * torch.rand(B, T_r).double()
    return (chosen - 0.1).to(dtype), (rejected - 0.1).to(dtype), chosen_mask, rejected_mask


def column(*values):
    return torch.tensor(values, dtype=torch.float64)


def by_hand(chosen, rejected, chosen_mask, rejected_mask, beta=0.1):
    """Pairs over Python floats, by way of the odds themselves."""

    def probability(row, mask):
        kept = [x for x, keep in zip(row.tolist(), mask.tolist(), strict=True) if keep]
        return math.exp(math.fsum(kept) / len(kept))

    losses, nll, ratios = [], [], []
    for row in zip(chosen, rejected, chosen_mask, rejected_mask, strict=True):
        p, q = probability(row[0], row[2]), probability(row[1], row[3])
        ratio = (p / (1 - p)) / (q / (1 - q))
        nll.append(-math.log(p))
        losses.append(-math.log(p) - beta * math.log(ratio / (1 + ratio)))
        ratios.append(math.log(ratio))
    B = len(losses)
    return column(math.fsum(losses) / B)[0], column(math.fsum(nll) / B)[0], column(*ratios)


def check(got, expected, **options):
    assert len(got) == 3, f"expected three results, got {len(got)}"
    for name, value, want in zip(NAMES, got, expected, strict=True):
        assert_close(value, want, label=name, **options)


def single(chosen, rejected):
    """A pair of responses of one token each."""
    mask = torch.ones(1, 1, dtype=torch.bool)
    return column(chosen)[None], column(rejected)[None], mask, mask


@pytest.mark.parametrize(
    "B, T_c, T_r, beta",
    [
        pytest.param(5, 7, 9, 0.1, id="usual"),
        pytest.param(4, 12, 3, 0.5, id="short-rejected"),
        pytest.param(6, 6, 6, 2.0, id="square"),
        pytest.param(1, 5, 4, 0.25, id="one-pair"),
        pytest.param(3, 4, 4, 0.0, id="fine-tuning-alone"),
    ],
)
def test_follows_the_definition(attempt, B, T_c, T_r, beta):
    batch = make_batch(B, T_c, T_r)
    expected = by_hand(*batch, beta)

    check(attempt.orpo_loss(*batch, beta=beta), expected)


def test_the_default_beta_is_a_tenth(attempt):
    batch = make_batch()
    expected = by_hand(*batch, 0.1)

    check(attempt.orpo_loss(*batch), expected)


def test_matches_a_case_worked_by_hand(attempt):
    # geometric means of 1 and 1/4, and of 1/4 three times: 1/2 and 1/4, odds 1 and 1/3
    chosen = column(1.0, 0.25, 0.9)[None].log()
    rejected = column(0.7, 1.0, 0.25, 0.0625)[None].log()
    masks = torch.tensor([[True, True, False]]), torch.tensor([[False, True, True, True]])
    expected = math.log(2) - 0.5 * math.log(3 / 4)

    got = attempt.orpo_loss(chosen, rejected, *masks, beta=0.5)

    check(got, (column(expected)[0], column(math.log(2))[0], column(math.log(3))))


def test_gradients_match_the_formula(attempt):
    chosen, rejected, chosen_mask, rejected_mask = make_batch()

    def formula(c, r):
        p = ((c * chosen_mask).sum(dim=1) / chosen_mask.sum(dim=1)).exp()
        q = ((r * rejected_mask).sum(dim=1) / rejected_mask.sum(dim=1)).exp()
        ratio = (p / (1 - p)) / (q / (1 - q))
        return (-p.log() - 0.3 * (ratio / (1 + ratio)).log()).mean()

    assert_same_gradients(
        lambda c, r: attempt.orpo_loss(c, r, chosen_mask, rejected_mask, beta=0.3)[0],
        formula,
        chosen,
        rejected,
        names=("chosen_log_prob", "rejected_log_prob"),
    )


@pytest.mark.parametrize("log_p", [-1e-15, -1e-12, -1e-6, -1e-3])
def test_it_is_exact_where_the_model_is_sure(attempt, log_p):
    # 1 - P = x - x^2 / 2 + x^3 / 6 for log P = -x; the other response has odds 1
    x = -log_p
    log_odds = log_p - math.log(x) - math.log1p(-x / 2 + x * x / 6)
    expected = column(log_odds)

    _, _, got = attempt.orpo_loss(*single(log_p, -math.log(2)))

    assert_close(got, expected, rtol=0.0, atol=1e-6, why="the spec asks for 1e-6")


def test_in_float32_it_is_exact_where_the_model_is_sure(attempt):
    pair = [x.float() if x.is_floating_point() else x for x in single(-1e-8, -math.log(2))]
    expected = torch.tensor([math.log(1e8)])
    leaf = pair[0].requires_grad_()

    loss, _, got = attempt.orpo_loss(leaf, *pair[1:])
    assert loss.requires_grad, "the loss is cut off from the policy: no gradient flows back"
    (gradient,) = torch.autograd.grad(loss, leaf)

    assert_close(got, expected)
    # the slope of the log-odds is 1 / (1 - P) = 1e8, that of log(sigmoid) 1e-8
    assert_close(gradient, torch.tensor([[-1.1]]), label="the gradient of chosen_log_prob")


def test_a_hopeless_pair_has_a_finite_loss(attempt):
    # log-odds of -5000 against 0: the second term is 0.1 * 5000
    batch = single(-5000.0, -math.log(2))
    leaf = batch[0].requires_grad_()

    loss, _, _ = attempt.orpo_loss(leaf, *batch[1:])
    assert loss.requires_grad, "the loss is cut off from the policy: no gradient flows back"
    (gradient,) = torch.autograd.grad(loss, leaf)

    assert_close(loss, column(5500)[0], label="loss")
    assert_close(gradient, column(-1.1)[None], label="the gradient of chosen_log_prob")


def test_each_pair_has_its_own_loss(attempt):
    # chosen and rejected change places: the log-odds ratios cancel, the losses do not
    mask = torch.ones(2, 1, dtype=torch.bool)
    chosen, rejected = column(0.9, 0.1)[:, None].log(), column(0.1, 0.9)[:, None].log()
    # odds ratios 81 and 1/81
    second = -(math.log(81 / 82) + math.log(1 / 82)) / 2
    expected = -(math.log(0.9) + math.log(0.1)) / 2 + second

    loss, _, _ = attempt.orpo_loss(chosen, rejected, mask, mask, beta=1.0)

    assert_close(loss, column(expected)[0], label="loss")


@pytest.mark.parametrize("value", [math.nan, -math.inf, math.inf, -1e4])
def test_padding_changes_neither_results_nor_gradient(attempt, reference, value):
    batch = make_batch()
    expected = by_hand(*batch)

    def run(module, chosen, rejected):
        leaves = [x.clone().requires_grad_() for x in (chosen, rejected)]
        results = module.orpo_loss(*leaves, *batch[2:])
        assert results[0].requires_grad, "the loss is cut off from the policy"
        return results, torch.autograd.grad(results[0], leaves)

    _, slopes = run(reference, *batch[:2])
    filled = [x.masked_fill(~mask, value) for x, mask in zip(batch[:2], batch[2:], strict=True)]
    results, gradients = run(attempt, *filled)

    check(results, expected)
    assert_close(gradients[0], slopes[0], label="the gradient of chosen_log_prob")
    assert_close(gradients[1], slopes[1], label="the gradient of rejected_log_prob")


def test_what_is_logged_carries_no_gradient(attempt):
    chosen, rejected, *masks = make_batch()

    _, sft_loss, ratio = attempt.orpo_loss(
        chosen.requires_grad_(), rejected.requires_grad_(), *masks
    )

    assert not sft_loss.requires_grad, "sft_loss carries a gradient: detach it"
    assert not ratio.requires_grad, "log_odds_ratio carries a gradient: detach it"


@pytest.mark.parametrize(
    "dtype",
    [torch.bfloat16, torch.float16, torch.float32],
    ids=["bfloat16", "float16", "float32"],
)
def test_half_precision_is_computed_in_float32(attempt, dtype):
    batch = make_batch(6, 30, 30, dtype=dtype)
    exact = by_hand(batch[0].double(), batch[1].double(), *batch[2:])

    check(attempt.orpo_loss(*batch), [x.float() for x in exact])


def test_results_lie_where_the_log_probs_do(attempt):
    assert_follows_device(attempt.orpo_loss, *make_batch())
