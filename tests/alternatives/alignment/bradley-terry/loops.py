"""Lists and floats; one item updated after the other."""

import math

import torch


def count_wins(winners, losers, n_items):
    table = [[0.0] * n_items for _ in range(n_items)]
    for i, j in zip(winners.tolist(), losers.tolist(), strict=True):
        if i == j:
            raise ValueError(f"item {i} against itself")
        table[i][j] += 1
    result = torch.tensor(table, dtype=torch.float64, device=winners.device)
    return result.reshape(n_items, n_items)


def fit_bradley_terry(wins, *, prior=0.0):
    if prior < 0:
        raise ValueError(prior)
    K = len(wins)
    w = [
        [x + prior if i != j else 0.0 for j, x in enumerate(r)] for i, r in enumerate(wins.tolist())
    ]
    reach = [[i == j or w[i][j] > 0 for j in range(K)] for i in range(K)]
    for k in range(K):
        for i in range(K):
            for j in range(K):
                reach[i][j] = reach[i][j] or (reach[i][k] and reach[k][j])
    if not all(map(all, reach)):
        raise ValueError("not strongly connected")
    if K == 1:
        return wins.new_zeros(1)
    p = [1.0] * K
    for _ in range(20_000):
        change = 0.0
        for i in range(K):
            below = sum((w[i][j] + w[j][i]) / (p[i] + p[j]) for j in range(K) if j != i)
            new = sum(w[i]) / below
            change = max(change, abs(math.log(new / p[i])))
            p[i] = new
        level = math.exp(sum(map(math.log, p)) / K)
        p = [x / level for x in p]
        if change < 1e-11:
            break
    s = [math.log(x) for x in p]
    return wins.new_tensor(s) - sum(s) / K
