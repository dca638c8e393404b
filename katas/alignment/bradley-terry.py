"""Bradley-Terry preference fitting."""

import torch
from torch import Tensor


def count_wins(winners: Tensor, losers: Tensor, n_items: int) -> Tensor:
    """Count comparisons: entry [i, j] is how often item i won against item j.

    Args:
        winners, losers: (N,) int64, N >= 0, from 0 to n_items - 1. Comparison n was won by
            winners[n] against losers[n].
        n_items: K.

    Returns:
        (K, K) float64, on the device of winners.

    Raises:
        ValueError: a comparison is of an item with itself.

    Not allowed:
        Changing an argument in place.
    """
    raise NotImplementedError


def fit_bradley_terry(wins: Tensor, *, prior: float = 0.0) -> Tensor:
    """The most likely scores of K models, given how often each won against each.

    In the Bradley-Terry model item i wins against item j with probability
    sigmoid(s[i] - s[j]). The scores maximise the likelihood of all comparisons,

        sum over i and j of (wins[i, j] + prior) * log(sigmoid(s[i] - s[j])), i != j

    and have mean 0, which the likelihood leaves open. They are right to 1e-6.

    There is a maximum, and only one, exactly if from each item to each other there is a
    chain in which every item won against the next, if only half a game. A prior above 0
    gives each item as many wins more against each other, which makes sure of that.

    Args:
        wins: (K, K) float64, K >= 1, at least 0. A tie may count as half a win for both.
            The diagonal counts for nothing, whatever it holds, even NaN.
        prior: At least 0.

    Returns:
        (K,) float64, on the device of wins. One item has score 0.

    Raises:
        ValueError: there is no maximum, or prior is negative.

    Not allowed:
        torch.optim. Changing an argument in place.

    Source:
        Bradley and Terry 1952, "Rank Analysis of Incomplete Block Designs". Hunter 2004,
        "MM Algorithms for Generalized Bradley-Terry Models", has the condition and an
        algorithm: with p = exp(s), p[i] becomes (wins of i) / (sum over j of (comparisons of
        i with j) / (p[i] + p[j])), again and again.
    """
    raise NotImplementedError
