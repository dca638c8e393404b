"""Newman's faster fixed point: wins against weights above, losses below."""

import torch


def count_wins(winners, losers, n_items):
    if torch.any(winners == losers):
        raise ValueError("itself")
    W = torch.nn.functional.one_hot(winners, n_items).double()
    L = torch.nn.functional.one_hot(losers, n_items).double()
    return W.T @ L


def fit_bradley_terry(wins, *, prior=0.0):
    if not prior >= 0:
        raise ValueError("prior must be at least 0")
    K = wins.shape[0]
    if K == 1:
        return torch.zeros_like(wins[0])
    off = ~torch.eye(K, dtype=torch.bool, device=wins.device)
    w = torch.where(off, wins + prior, torch.zeros_like(wins))
    paths = (w > 0).double() + torch.eye(K, dtype=torch.float64, device=wins.device)
    if (torch.linalg.matrix_power(paths.clamp(max=1), K) <= 0).any():
        raise ValueError("no finite scores")
    s = torch.zeros_like(w[0])
    for _ in range(5_000):
        before = s.clone()
        # one after the other: all at once, two items would swap places for ever
        for i in range(K):
            odds = (s - s[i]).exp()
            up, down = (w[i] * odds / (1 + odds)).sum(), (w[:, i] / (1 + odds)).sum()
            s[i] += (up / down).log()
        s = s - s.mean()
        if (s - before).abs().max() < 1e-10:
            break
    return s
