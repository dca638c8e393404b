"""Bradley-Terry preference fitting."""

import torch
from torch import Tensor


def count_wins(winners: Tensor, losers: Tensor, n_items: int) -> Tensor:
    """Each pair is one cell of the matrix: count cells."""
    if (winners == losers).any():
        raise ValueError("an item cannot be compared with itself")
    counts = torch.bincount(winners * n_items + losers, minlength=n_items**2)
    return counts.view(n_items, n_items).double()


def fit_bradley_terry(wins: Tensor, *, prior: float = 0.0) -> Tensor:
    """Newton's method, damped so that every step goes up."""
    if prior < 0:
        raise ValueError(f"prior must not be negative, got {prior}")
    K = len(wins)
    itself = torch.eye(K, dtype=torch.bool, device=wins.device)
    wins = (wins + prior).masked_fill(itself, 0)

    # reach[i, j]: a chain of wins leads from i to j; each turn doubles its length
    reach = itself | (wins > 0)
    for _ in range(K.bit_length()):
        reach = (reach.double() @ reach.double()) > 0
    if not reach.all():
        raise ValueError("no maximum: some items never lost to the others, directly or not")

    s = wins.new_zeros(K)
    games = wins + wins.T
    for _ in range(500):
        p = torch.sigmoid(s[:, None] - s)
        slope = (wins - games * p).sum(dim=1)
        weight = games * p * (1 - p)
        # the Hessian is singular along a constant: the 1 keeps each step's mean at 0
        step = torch.linalg.solve(weight.sum(dim=1).diag() - weight + 1, slope)
        spread = step.max() - step.min()
        if spread < 1e-8:
            break
        s = s + step * spread.log1p() / spread
    return s
