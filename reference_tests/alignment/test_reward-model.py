"""Values are compared in float64, where only logic, not rounding, can differ."""

import math

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from grader.testing import assert_close, assert_follows_device, assert_same_gradients


def make_rewards(B=6, dtype=torch.float64):
    """Rewards that do not lie around 0, and margins."""
    chosen, rejected = 1.5 + torch.randn(2, B, dtype=dtype)
    return chosen, rejected, 0.25 + torch.rand(B, dtype=dtype)


def column(*values):
    return torch.tensor(values, dtype=torch.float64)


def mask_of(*rows):
    return torch.tensor([[c == "x" for c in row] for row in rows])


def from_torch(chosen, rejected, margin=None, center=0.0):
    """The same loss by way of torch's cross entropy with the label 1."""
    logits = chosen - rejected - (0 if margin is None else margin)
    loss = binary_cross_entropy_with_logits(logits, torch.ones_like(logits))
    return loss + center * ((chosen + rejected) ** 2).mean()


def loss_of(attempt, *args, **options):
    results = attempt.reward_loss(*args, **options)
    assert len(results) == 2, f"expected two results, got {len(results)}"
    return results[0]


@pytest.mark.parametrize(
    "rows, expected",
    [
        pytest.param(("xxx..", "xxxxx", "x...."), (2, 4, 0), id="padding-on-the-right"),
        pytest.param(("..xxx", "xxxxx", "....x"), (4, 4, 4), id="padding-on-the-left"),
        pytest.param((".xx..", "..x..", "xxxx."), (2, 2, 3), id="padding-on-both-sides"),
        pytest.param(("x", "x"), (0, 0), id="one-token"),
    ],
)
def test_the_last_token_gives_the_reward(attempt, rows, expected):
    mask = mask_of(*rows)
    scores = torch.randn(mask.shape, dtype=torch.float64)
    wanted = torch.stack([scores[i, j] for i, j in enumerate(expected)])

    assert_close(attempt.sequence_rewards(scores, mask), wanted)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e9])
def test_padding_changes_no_reward(attempt, value):
    mask = mask_of(".xxx..", "xx....", "..xxxx")
    scores = torch.randn(3, 6, dtype=torch.float64)
    wanted = torch.stack([scores[0, 3], scores[1, 1], scores[2, 5]])

    got = attempt.sequence_rewards(scores.masked_fill(~mask, value), mask)

    assert_close(got, wanted)


def test_only_the_last_token_gets_a_gradient(attempt):
    mask = mask_of("xxx...", ".xxxx.", "xxxxxx")
    scores = torch.randn(3, 6, dtype=torch.float64).masked_fill(~mask, math.nan)
    scores.requires_grad_()
    expected = torch.zeros(3, 6, dtype=torch.float64)
    expected[0, 2], expected[1, 4], expected[2, 5] = 1, 2, 3

    rewards = attempt.sequence_rewards(scores, mask)
    assert rewards.requires_grad, "the rewards are cut off from the scores"
    (gradient,) = torch.autograd.grad((rewards * column(1, 2, 3)).sum(), scores)

    assert_close(gradient, expected, label="the gradient of scores")


@pytest.mark.parametrize(
    "dtype",
    [torch.bfloat16, torch.float16, torch.float32],
    ids=["bfloat16", "float16", "float32"],
)
def test_rewards_have_the_dtype_of_the_scores(attempt, dtype):
    scores = torch.randn(2, 5).to(dtype)
    expected = torch.stack([scores[0, 2], scores[1, 4]])

    assert_close(attempt.sequence_rewards(scores, mask_of("xxx..", "xxxxx")), expected)


@pytest.mark.parametrize(
    "rows",
    [pytest.param(("xx.", "..."), id="one-row"), pytest.param(("...", "..."), id="all-rows")],
)
def test_rejects_a_sequence_without_tokens(attempt, rows):
    with pytest.raises(ValueError):
        attempt.sequence_rewards(torch.randn(2, 3), mask_of(*rows))


def test_rewards_are_read_where_the_scores_are(attempt):
    assert_follows_device(
        attempt.sequence_rewards, torch.randn(2, 4).double(), mask_of("xxx.", ".xx.")
    )


def test_loss_matches_a_case_worked_by_hand(attempt):
    # sigmoid(log 3) = 3/4, sigmoid(-log 7) = 1/8, sigmoid(0) = 1/2
    chosen, rejected = column(2 + math.log(3), 1, 5), column(2, 1 + math.log(7), 5)
    expected = column(math.log(4 / 3), math.log(8), math.log(2)).mean()

    assert_close(loss_of(attempt, chosen, rejected), expected)


@pytest.mark.parametrize(
    "B, with_margin, center",
    [
        pytest.param(6, False, 0.0, id="plain"),
        pytest.param(5, True, 0.0, id="margin"),
        pytest.param(4, False, 0.3, id="centred"),
        pytest.param(7, True, 0.01, id="both"),
        pytest.param(1, True, 0.5, id="one-pair"),
    ],
)
def test_loss_and_gradients_match_torch(attempt, B, with_margin, center):
    chosen, rejected, margin = make_rewards(B)
    if not with_margin:
        margin = None

    assert_same_gradients(
        lambda c, r: loss_of(attempt, c, r, margin, center_rewards_coefficient=center),
        lambda c, r: from_torch(c, r, margin, center),
        chosen,
        rejected,
        names=("chosen_rewards", "rejected_rewards"),
    )


def test_a_margin_asks_for_a_larger_difference(attempt):
    # a difference of 2 less a margin of 2 leaves log 2
    got = loss_of(attempt, column(3, 2), column(1, 0), column(2, 2))

    assert_close(got, column(math.log(2))[0])


def test_the_margin_is_a_constant(attempt):
    chosen, rejected, margin = make_rewards()
    leaf = chosen.clone().requires_grad_()
    (expected,) = torch.autograd.grad(from_torch(leaf, rejected, margin), leaf)

    # a margin that depends on the rewards themselves
    loss = loss_of(attempt, leaf, rejected, margin + leaf - leaf.detach())
    assert loss.requires_grad, "the loss is cut off from the rewards: no gradient flows back"
    (gradient,) = torch.autograd.grad(loss, leaf)

    assert_close(gradient, expected, label="the gradient of chosen_rewards")


def test_only_the_difference_counts_without_centring(attempt):
    chosen, rejected, _ = make_rewards()
    expected = from_torch(chosen, rejected)

    assert_close(loss_of(attempt, chosen + 40, rejected + 40), expected)


def test_centring_punishes_the_sum_of_the_rewards(attempt):
    # log 2 + 0.5 * mean of 4^2 and 2^2
    got = loss_of(attempt, column(2, -1), column(2, -1), center_rewards_coefficient=0.5)

    assert_close(got, column(math.log(2) + 5)[0])


def test_the_mean_is_over_the_losses_of_the_pairs(attempt):
    # one pair far right, one far wrong: 0 and 100, where the mean difference gives log 2
    got = loss_of(attempt, column(100, 0), column(0, 100))

    assert_close(got, column(50)[0])


@pytest.mark.parametrize(
    "difference, loss, slope",
    [
        pytest.param(5000.0, 0.0, 0.0, id="right"),
        pytest.param(-5000.0, 5000.0, -1.0, id="wrong"),
        pytest.param(-800.0, 800.0, -1.0, id="wrong-by-800"),
        pytest.param(0.0, math.log(2), -0.5, id="tie"),
    ],
)
def test_loss_and_gradient_are_exact_for_any_difference(attempt, difference, loss, slope):
    chosen = column(difference).requires_grad_()

    got = loss_of(attempt, chosen, column(0))
    assert got.requires_grad, "the loss is cut off from the rewards: no gradient flows back"
    (gradient,) = torch.autograd.grad(got, chosen)

    assert_close(got, column(loss)[0])
    assert_close(gradient, column(slope), label="the gradient of chosen_rewards")


def test_accuracy_counts_pairs_in_the_right_order(attempt):
    # right, wrong, right, a tie, which is not right
    _, accuracy = attempt.reward_loss(column(2, 1, 0.5, 3), column(1, 2, -4, 3))

    assert_close(accuracy, column(0.5)[0], label="accuracy")


def test_accuracy_does_not_depend_on_the_margin(attempt):
    _, accuracy = attempt.reward_loss(column(2, 1, 5), column(1, 2, 4), column(3, 3, 0.5))

    assert_close(accuracy, column(2)[0] / 3, label="accuracy")


def test_accuracy_carries_no_gradient(attempt):
    chosen, rejected, _ = make_rewards()

    _, accuracy = attempt.reward_loss(chosen.requires_grad_(), rejected)

    assert not accuracy.requires_grad, "accuracy carries a gradient"


@pytest.mark.parametrize(
    "dtype",
    [torch.bfloat16, torch.float16, torch.float32],
    ids=["bfloat16", "float16", "float32"],
)
def test_the_loss_is_computed_in_float32(attempt, dtype):
    chosen, rejected, margin = (x.to(dtype) for x in make_rewards(16))
    # rewards of some 30, where bfloat16 is spaced 1/8 apart
    chosen, rejected = chosen + 30, rejected + 30
    wide = [x.double() for x in (chosen, rejected, margin)]
    exact = from_torch(*wide, center=0.01).float()
    share = (wide[0] > wide[1]).float().mean()

    got = attempt.reward_loss(chosen, rejected, margin, center_rewards_coefficient=0.01)

    assert_close(got[0], exact, label="loss")
    assert_close(got[1], share, label="accuracy")


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=["bfloat16", "float16"])
def test_the_difference_is_taken_in_float32(attempt, dtype):
    # 32 - 1 - 1/128 has 12 bits; bfloat16 holds 8 of them, float16 11
    chosen, rejected = torch.tensor([1 + 1 / 128], dtype=dtype), torch.tensor([32.0], dtype=dtype)

    assert_close(loss_of(attempt, chosen, rejected), torch.tensor(31 - 1 / 128))


@pytest.mark.parametrize(
    "rejected, margin",
    [
        pytest.param((4, 1), None, id="rejected-as-a-column"),
        pytest.param((3,), None, id="one-rejected-missing"),
        pytest.param((4,), (4, 1), id="margin-as-a-column"),
        pytest.param((4,), (1,), id="one-margin-for-all"),
    ],
)
def test_rejects_shapes_that_do_not_fit(attempt, rejected, margin):
    with pytest.raises(ValueError):
        attempt.reward_loss(
            torch.ones(4), torch.ones(rejected), None if margin is None else torch.ones(margin)
        )
