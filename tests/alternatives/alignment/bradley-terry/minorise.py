"""Hunter's algorithm on all items at once; reachability by search from each item."""

import torch


def count_wins(winners, losers, n_items):
    if bool(torch.eq(winners, losers).any()):
        raise ValueError("same item twice")
    table = torch.zeros(n_items, n_items, dtype=torch.float64, device=winners.device)
    ones = torch.ones_like(winners, dtype=torch.float64)
    return table.index_put((winners, losers), ones, accumulate=True)


def _reaches_all(beats, start):
    seen, todo = {start}, [start]
    while todo:
        for other in beats[todo.pop()]:
            if other not in seen:
                seen.add(other)
                todo.append(other)
    return len(seen) == len(beats)


def fit_bradley_terry(wins, *, prior=0.0):
    if prior < 0:
        raise ValueError("prior")
    K = wins.size(0)
    w = (wins + prior).fill_diagonal_(0.0)
    beats = [[j for j in range(K) if w[i, j] > 0] for i in range(K)]
    if not all(_reaches_all(beats, i) for i in range(K)):
        raise ValueError("the scores run away")
    s = w.new_zeros(K)
    if K == 1:
        return s
    own, games = w.sum(1).log(), w + w.T
    for _ in range(20_000):
        p = s.exp()
        new = own - (games / (p.unsqueeze(1) + p)).sum(1).log()
        new = new - new.mean()
        moved = torch.dist(new, s, p=float("inf"))
        s = new
        if moved < 1e-10:
            break
    return s
