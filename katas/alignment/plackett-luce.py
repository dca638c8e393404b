"""Plackett-Luce ranking loss."""

import torch
from torch import Tensor


def plackett_luce_loss(
    scores: Tensor, ranking: Tensor, lengths: Tensor, *, top: int | None = None
) -> Tensor:
    """Negative log-likelihood of rankings of several responses to one prompt.

    A ranking is drawn from the best to the worst: each time one of the items that are left
    is picked, with a probability proportional to exp(its score). With s(i) the score of the
    item at place i, the loss of a row of n items is the sum over its places i of

        log(exp(s(i)) + exp(s(i + 1)) + ... + exp(s(n - 1))) - s(i)

    With top = k only the first k places are summed: the order behind them is not known. All
    n items still take part in what is left. The loss is the mean over all B rows.

    Args:
        scores: (B, K), B >= 1, K >= 1, any floating dtype, the model's score of each item,
            finite where it is ranked.
        ranking: (B, K) int64. ranking[b, i] is the index of the item at place i, best
            first, for i < lengths[b]; each item occurs once at most. Beyond, any integers.
        lengths: (B,) int64, from 0 to K. A row of none or one has loss 0 and still counts.
        top: At least 1. None, or more than a row has: all its places.

    Returns:
        Scalar on the device of scores; float32, or float64 for float64 scores; computed in
        no less; finite scores of any size do not overflow. Gradients flow into scores. The
        score of an item that is not in its row's ranking, even inf or NaN, changes nothing;
        its gradient is 0.

    Raises:
        ValueError: top is below 1.

    Not allowed:
        Changing an argument in place.

    Source:
        Plackett 1975, "The Analysis of Permutations". Xia et al. 2008, "Listwise Approach
        to Learning to Rank" (ListMLE). For preferences: Rafailov et al. 2023, appendix A.3,
        https://arxiv.org/abs/2305.18290
    """
    raise NotImplementedError


def sample_rankings(scores: Tensor, n: int, generator: torch.Generator) -> Tensor:
    """Draw n rankings of K items from the distribution above, independent of each other.

    Args:
        scores: (K,), K >= 1, float32 or float64, all finite.
        n: How many, 0 or more.
        generator: On the device of scores. All randomness comes from it.

    Returns:
        (n, K) int64, on the device of scores. Each row holds every item once, best first.

    Not allowed:
        Changing an argument in place, apart from the generator's state.

    Source:
        As above.
    """
    raise NotImplementedError
