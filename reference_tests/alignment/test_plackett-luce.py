"""Values are compared in float64, where only logic, not rounding, can differ."""

import itertools
import math

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from grader.testing import (
    assert_close,
    assert_distribution,
    assert_follows_device,
    assert_same_gradients,
    seeded,
)


def make_batch(B=5, K=6, dtype=torch.float64):
    """Scores, rankings in a random order with padding of any integers, lengths of 2 to K."""
    ranking = torch.rand(B, K).argsort(dim=1)
    lengths = 2 + (torch.arange(B) + 1) % (K - 1)
    beyond = torch.arange(K) >= lengths[:, None]
    ranking = torch.where(beyond, torch.randint(-9, 99, (B, K)), ranking)
    return (1.5 * torch.randn(B, K, dtype=torch.float64)).to(dtype), ranking, lengths


def scalar(value):
    return torch.tensor(value, dtype=torch.float64)


def row_by_row(scores, ranking, lengths, top=None):
    """One pick after the other, over Python floats."""
    losses = []
    for row, order, n in zip(scores.tolist(), ranking.tolist(), lengths.tolist(), strict=True):
        left = [row[item] for item in order[:n]]
        loss = 0.0
        for _ in range(min(n, top or n)):
            biggest = max(left)
            loss += biggest + math.log(math.fsum(math.exp(x - biggest) for x in left)) - left[0]
            left.pop(0)
        losses.append(loss)
    return scalar(math.fsum(losses) / len(losses))


@pytest.mark.parametrize(
    "B, K",
    [
        pytest.param(5, 6, id="usual"),
        pytest.param(4, 4, id="square"),
        pytest.param(8, 2, id="pairs"),
        pytest.param(1, 9, id="one-row"),
    ],
)
def test_follows_the_definition(attempt, B, K):
    batch = make_batch(B, K)
    expected = row_by_row(*batch)

    assert_close(attempt.plackett_luce_loss(*batch), expected)


def test_matches_a_case_worked_by_hand(attempt):
    # weights 1, 2, 3, 4: item 2 first of all ten, then item 0 of seven, then item 3 of six.
    # In the second row item 1 before item 0, of three; the others are not ranked
    scores = scalar([[1.0, 2.0, 3.0, 4.0]]).log().expand(2, 4)
    ranking = torch.tensor([[2, 0, 3, 1], [1, 0, -1, 77]])
    lengths = torch.tensor([4, 2])
    expected = scalar(-(math.log(3 / 10 * 1 / 7 * 4 / 6) + math.log(2 / 3)) / 2)

    assert_close(attempt.plackett_luce_loss(scores, ranking, lengths), expected)


def test_a_pair_is_bradley_terry(attempt):
    scores = torch.randn(7, 2, dtype=torch.float64)
    better = torch.randint(2, (7, 1))
    gap = scores.gather(1, better) - scores.gather(1, 1 - better)
    expected = binary_cross_entropy_with_logits(gap, torch.ones_like(gap))

    got = attempt.plackett_luce_loss(
        scores, torch.cat([better, 1 - better], dim=1), torch.full((7,), 2)
    )

    assert_close(got, expected)


def test_the_probabilities_of_all_rankings_add_up_to_one(attempt):
    scores = torch.randn(1, 4, dtype=torch.float64)
    length = torch.tensor([4])

    losses = [
        attempt.plackett_luce_loss(scores, torch.tensor([order]), length)
        for order in itertools.permutations(range(4))
    ]

    assert_close(torch.stack(losses).neg().exp().sum(), scalar(1.0), label="the sum")


@pytest.mark.parametrize("top", [1, 2, 4, 6, 50])
def test_only_the_top_is_summed(attempt, top):
    batch = make_batch()
    expected = row_by_row(*batch, top)

    assert_close(attempt.plackett_luce_loss(*batch, top=top), expected)


@pytest.mark.parametrize("top", [None, 2], ids=["all", "top-2"])
def test_gradients_follow_the_formula(attempt, top):
    scores, ranking, lengths = make_batch()

    def formula(x):
        losses = []
        for row, order, n in zip(x, ranking.tolist(), lengths.tolist(), strict=True):
            s = row[order[:n]]
            places = range(min(n, top or n))
            losses.append(sum(-s[i:].log_softmax(0)[0] for i in places))
        return torch.stack(losses).mean()

    assert_same_gradients(
        lambda x: attempt.plackett_luce_loss(x, ranking, lengths, top=top),
        formula,
        scores,
        names=("scores",),
    )


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e4])
def test_items_that_are_not_ranked_change_nothing(attempt, value):
    scores, ranking, lengths = make_batch()
    ranked = torch.zeros(scores.shape, dtype=torch.bool)
    for b, n in enumerate(lengths.tolist()):
        ranked[b, ranking[b, :n]] = True
    expected = row_by_row(scores, ranking, lengths)
    leaf = scores.masked_fill(~ranked, value).requires_grad_()

    loss = attempt.plackett_luce_loss(leaf, ranking, lengths)
    assert loss.requires_grad, "the loss is cut off from the scores: no gradient flows back"
    (gradient,) = torch.autograd.grad(loss, leaf)

    assert_close(loss, expected)
    assert_close(
        gradient.masked_fill(ranked, 0), torch.zeros_like(scores), label="the gradient of others"
    )
    # the gradients of a softmax add up to 0
    sums = torch.zeros(len(scores), dtype=torch.float64)
    assert_close(gradient.sum(dim=1), sums, label="the sum of a row's gradient")


@pytest.mark.parametrize("K", [6, 1], ids=["six-items", "one-item"])
def test_rows_of_none_and_one_have_loss_zero(attempt, K):
    leaf = torch.randn(5, K, dtype=torch.float64, requires_grad=True)
    ranking, lengths = torch.randint(K, (5, K)), torch.tensor([0, 1, 0, 1, 1])
    ranking[torch.arange(K) >= lengths[:, None]] = 40

    loss = attempt.plackett_luce_loss(leaf, ranking, lengths)
    assert_close(loss, scalar(0.0))
    if loss.requires_grad:
        (gradient,) = torch.autograd.grad(loss, leaf)
        assert_close(gradient, torch.zeros_like(leaf), label="the gradient of scores")


def test_a_row_of_none_still_counts(attempt):
    scores, ranking, lengths = make_batch()
    lengths[2] = 0
    expected = row_by_row(scores, ranking, lengths)

    assert_close(attempt.plackett_luce_loss(scores, ranking, lengths), expected)


@pytest.mark.parametrize("level", [1000.0, -1000.0], ids=["high", "low"])
def test_scores_of_any_size_do_not_overflow(attempt, level):
    scores, ranking, lengths = make_batch()
    scores = 300 * scores + level
    expected = row_by_row(scores, ranking, lengths)

    assert_close(attempt.plackett_luce_loss(scores, ranking, lengths), expected)


@pytest.mark.parametrize(
    "dtype",
    [torch.bfloat16, torch.float16, torch.float32],
    ids=["bfloat16", "float16", "float32"],
)
def test_half_precision_is_computed_in_float32(attempt, dtype):
    scores, ranking, lengths = make_batch(6, 12, dtype=dtype)
    expected = row_by_row(scores.double(), ranking, lengths).float()

    assert_close(attempt.plackett_luce_loss(scores, ranking, lengths), expected)


@pytest.mark.parametrize("top", [0, -1])
def test_rejects_a_top_below_one(attempt, top):
    with pytest.raises(ValueError):
        attempt.plackett_luce_loss(*make_batch(), top=top)


def test_the_loss_lies_where_the_scores_do(attempt):
    assert_follows_device(attempt.plackett_luce_loss, *make_batch(), top=3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
def test_rankings_follow_the_distribution(attempt, seed, dtype):
    weights = [1.0, 2.0, 3.0, 4.0]
    orders = list(itertools.permutations(range(4)))
    chances = []
    for order in orders:
        left = [weights[i] for i in order]
        chances.append(math.prod(left[i] / sum(left[i:]) for i in range(4)))
    code = {sum(item * 4**i for i, item in enumerate(order)): n for n, order in enumerate(orders)}

    got = attempt.sample_rankings(torch.tensor(weights, dtype=dtype).log(), 40_000, seeded(seed))

    assert_close(got.sort(dim=1).values, torch.arange(4).expand(40_000, 4), label="items of a row")
    number = (got * 4 ** torch.arange(4)).sum(dim=1).tolist()
    assert_distribution([code[x] for x in number], scalar(chances), label="rankings")


def test_all_randomness_comes_from_the_generator(attempt, seed):
    scores = torch.zeros(9)
    draws = []
    for state in (seed, seed, seed + 1):
        torch.manual_seed(len(draws))
        draws.append(attempt.sample_rankings(scores, 30, seeded(state)))

    assert_close(draws[1], draws[0], label="the same draws again")
    assert not torch.equal(draws[2], draws[0]), "another seed gives the same rankings"


def test_no_rankings_are_drawn_for_none(attempt, seed):
    got = attempt.sample_rankings(torch.randn(5), 0, seeded(seed))

    assert_close(got, torch.zeros(0, 5, dtype=torch.int64))


def test_rankings_lie_where_the_scores_do(attempt, seed):
    assert_follows_device(attempt.sample_rankings, torch.randn(5), 4, seeded(seed))
