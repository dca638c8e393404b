"""Plain Python, one row after the other."""

import math

import torch


def draw(row, k, u):
    best = sorted(enumerate(row), key=lambda pair: -pair[1])[:k]
    weights = [math.exp(value - best[0][1]) for _, value in best]
    target = u * sum(weights)
    for (token, _), weight in zip(best, weights, strict=True):
        target -= weight
        if target < 0:
            return token
    return best[0][0]


def top_k_sample(logits, k, *, temperature=1.0, generator):
    if k < 1:
        raise ValueError("k")
    if not temperature > 0:
        raise ValueError("temperature")
    rows = (logits.double() / temperature).tolist()
    us = torch.rand(len(rows), generator=generator, dtype=torch.float64).tolist()
    return torch.tensor([draw(row, k, u) for row, u in zip(rows, us, strict=True)])
