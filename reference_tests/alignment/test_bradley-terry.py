"""Values are compared in float64, where only logic, not rounding, can differ."""

import math

import pytest
import torch

from grader.testing import assert_close, assert_equal, assert_follows_device

RIGHT = {"rtol": 0.0, "atol": 1e-6, "why": "the spec asks for scores right to 1e-6"}


def make_wins(K=6, games=12):
    """Counts drawn from the model, with at least one win of each over its neighbours."""
    s = torch.randn(K, dtype=torch.float64)
    chance = torch.sigmoid(s[:, None] - s)
    won = torch.rand(games, K, K, dtype=torch.float64).lt(chance).sum(dim=0).double().tril(-1)
    wins = won + (games - won).tril(-1).T
    after = torch.arange(K).roll(-1)
    wins[torch.arange(K), after] += 1
    return wins


def make_ring(K=5):
    """Each item met its neighbours only, and some of them never won the one before them."""
    wins = torch.zeros(K, K, dtype=torch.float64)
    for i in range(K):
        wins[i, (i + 1) % K] = 2 + i
        wins[(i + 1) % K, i] = 0 if i % 2 else 1.5
    return wins


def matrix(*rows):
    return torch.tensor(rows, dtype=torch.float64)


def by_newton(wins, prior=0.0):
    """The maximum by Newton's method, with half steps where a whole one goes too far."""
    K = len(wins)
    wins = (wins + prior) * (1 - torch.eye(K, dtype=torch.float64))
    games = wins + wins.T

    def likelihood(s):
        return (wins * torch.nn.functional.logsigmoid(s[:, None] - s)).sum()

    s = torch.zeros(K, dtype=torch.float64)
    for _ in range(100):
        p = torch.sigmoid(s[:, None] - s)
        gradient = (wins - games * p).sum(dim=1)
        weight = games * p * (1 - p)
        hessian = torch.diag(weight.sum(dim=1)) - weight
        # along the constant vector the likelihood is flat: add a slope there
        step = torch.linalg.solve(hessian + 1 / K, gradient)
        size = 1.0
        while likelihood(s + size * step) < likelihood(s) - 1e-9 and size > 1e-6:
            size /= 2
        s = s + size * step
        s = s - s.mean()
        if step.abs().max() < 1e-12:
            break
    return s


def test_wins_are_counted_by_winner_and_loser(attempt):
    winners, losers = torch.tensor([2, 0, 2, 1, 2, 0]), torch.tensor([0, 2, 0, 2, 1, 3])
    expected = matrix([0, 0, 1, 1], [0, 0, 1, 0], [2, 1, 0, 0], [0, 0, 0, 0])

    assert_close(attempt.count_wins(winners, losers, 4), expected)


@pytest.mark.parametrize(
    "K, N",
    [
        pytest.param(3, 50, id="usual"),
        pytest.param(7, 20, id="more-items"),
        pytest.param(2, 1, id="one-comparison"),
        pytest.param(4, 0, id="no-comparison"),
    ],
)
def test_every_comparison_is_counted(attempt, K, N):
    winners = torch.randint(K, (N,))
    losers = (winners + torch.randint(1, K, (N,))) % K
    expected = torch.zeros(K, K, dtype=torch.float64)
    for i, j in zip(winners.tolist(), losers.tolist(), strict=True):
        expected[i, j] += 1

    assert_close(attempt.count_wins(winners, losers, K), expected)


def test_rejects_an_item_compared_with_itself(attempt):
    with pytest.raises(ValueError):
        attempt.count_wins(torch.tensor([0, 1, 2]), torch.tensor([1, 1, 0]), 3)


@pytest.mark.parametrize(
    "won, lost",
    [
        pytest.param(3, 1, id="3-to-1"),
        pytest.param(1, 7, id="1-to-7"),
        pytest.param(5, 5.5, id="with-a-tie"),
        pytest.param(0.5, 40, id="only-a-tie"),
    ],
)
def test_two_items_have_a_closed_form(attempt, won, lost):
    expected = torch.tensor([0.5, -0.5], dtype=torch.float64) * math.log(won / lost)

    assert_close(attempt.fit_bradley_terry(matrix([0, won], [lost, 0])), expected, **RIGHT)


@pytest.mark.parametrize(
    "K, games",
    [
        pytest.param(6, 12, id="usual"),
        pytest.param(3, 4, id="few-games"),
        pytest.param(10, 40, id="ten-items"),
        pytest.param(50, 6, id="fifty-items"),
    ],
)
def test_scores_maximise_the_likelihood(attempt, K, games):
    wins = make_wins(K, games)
    expected = by_newton(wins)

    assert_close(attempt.fit_bradley_terry(wins), expected, **RIGHT)


def test_expected_wins_equal_real_ones(attempt):
    # where the likelihood is flat, each item is expected to win as often as it did
    wins = make_wins()
    real = wins.sum(dim=1)

    s = attempt.fit_bradley_terry(wins)
    expected_wins = ((wins + wins.T) * torch.sigmoid(s[:, None] - s)).sum(dim=1)

    assert_close(
        expected_wins, real, rtol=0.0, atol=1e-4, why="scores are asked for to 1e-6", label="wins"
    )


def test_counts_that_fit_exactly_give_the_scores_back(attempt):
    s = torch.randn(5, dtype=torch.float64)
    expected = s - s.mean()

    assert_close(attempt.fit_bradley_terry(30 * torch.sigmoid(s[:, None] - s)), expected, **RIGHT)


def test_items_need_not_all_have_met(attempt):
    wins = make_ring()
    expected = by_newton(wins)

    assert_close(attempt.fit_bradley_terry(wins), expected, **RIGHT)


def test_groups_that_rarely_met_converge_as_well(attempt):
    wins = torch.zeros(6, 6, dtype=torch.float64)
    wins[:3, :3] = wins[3:, 3:] = 20.0
    wins[0, 1] = wins[3, 4] = 50.0
    wins[2, 3], wins[3, 2] = 2.0, 1.0
    expected = by_newton(wins)

    assert_close(attempt.fit_bradley_terry(wins), expected, **RIGHT)


def test_lopsided_games_converge_as_well(attempt):
    # whole steps of Newton's method from 0 run away here
    wins = matrix(
        [0, 1, 14, 0, 0], [109, 0, 1, 0, 0], [0, 0, 0, 1, 0], [0, 0, 26, 0, 2], [1, 254, 0, 0, 0]
    )
    expected = by_newton(wins)

    assert_close(attempt.fit_bradley_terry(wins), expected, **RIGHT)


@pytest.mark.parametrize("value", [50.0, math.nan], ids=["fifty", "nan"])
def test_the_diagonal_counts_for_nothing(attempt, value):
    wins = make_wins()
    expected = by_newton(wins)
    filled = wins.masked_fill(torch.eye(6, dtype=torch.bool), value)

    assert_close(attempt.fit_bradley_terry(filled), expected, **RIGHT)


def test_a_thousand_times_the_games_give_the_same_scores(attempt):
    wins = make_wins()
    expected = by_newton(wins)

    assert_close(attempt.fit_bradley_terry(1000 * wins), expected, **RIGHT)


@pytest.mark.parametrize("prior", [0.5, 3.0])
def test_a_prior_is_added_to_every_pair(attempt, prior):
    wins = make_ring()
    expected = by_newton(wins, prior)

    assert_close(attempt.fit_bradley_terry(wins, prior=prior), expected, **RIGHT)


def test_with_a_prior_there_is_always_a_maximum(attempt):
    # item 3 never met the others, and item 0 never lost
    wins = make_wins(4)
    wins[3] = wins[:, 3] = wins[:, 0] = 0
    expected = by_newton(wins, 0.25)

    assert_close(attempt.fit_bradley_terry(wins, prior=0.25), expected, **RIGHT)


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(([0, 3, 2], [0, 0, 4], [0, 1, 0]), id="one-never-lost"),
        pytest.param(([0, 3, 2], [1, 0, 4], [0, 0, 0]), id="one-never-won"),
        pytest.param(([0, 3, 0], [1, 0, 0], [0, 0, 0]), id="one-never-played"),
        pytest.param(
            ([0, 2, 0, 0], [1, 0, 0, 0], [0, 0, 0, 2], [0, 0, 1, 0]), id="two-groups-apart"
        ),
        pytest.param(
            ([0, 2, 1, 0], [1, 0, 0, 3], [0, 0, 0, 2], [0, 0, 1, 0]), id="one-group-always-won"
        ),
    ],
)
def test_rejects_data_without_a_maximum(attempt, rows):
    with pytest.raises(ValueError):
        attempt.fit_bradley_terry(matrix(*rows))


def test_rejects_a_negative_prior(attempt):
    with pytest.raises(ValueError):
        attempt.fit_bradley_terry(make_wins() + 5, prior=-0.1)


def test_one_item_has_score_zero(attempt):
    for wins in (matrix([0.0]), matrix([7.0])):
        assert_equal(attempt.fit_bradley_terry(wins).tolist(), [0.0])


def test_results_lie_where_the_inputs_do(attempt):
    assert_follows_device(attempt.count_wins, torch.tensor([0, 1]), torch.tensor([1, 2]), 3)
    assert_follows_device(attempt.fit_bradley_terry, make_wins(3), prior=1.0)


def test_weak_items_are_as_right_as_strong_ones(attempt):
    # exp(score) spans six orders of magnitude: a step that is tiny for all is large for the last
    wins = matrix([0, 1000, 0, 0], [1, 0, 1000, 0], [0, 1, 0, 10], [0, 0, 8, 0])
    expected = by_newton(wins)

    assert_close(attempt.fit_bradley_terry(wins), expected, **RIGHT)
