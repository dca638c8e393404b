import math

import torch


def pick(row, p, u):
    ranking = sorted(range(len(row)), key=lambda i: -row[i])  # python's sort is stable
    biggest = row[ranking[0]]
    weights = [math.exp(row[i] - biggest) for i in ranking]
    total = sum(weights)

    nucleus, mass = [], 0.0
    for weight in weights:
        nucleus.append(weight)
        mass += weight / total
        if mass >= p:
            break

    target = u * sum(nucleus)
    for token, weight in zip(ranking, nucleus, strict=False):
        target -= weight
        if target < 0:
            return token
    return ranking[0]


def nucleus_sample(logits, p, *, temperature=1.0, generator):
    if p <= 0 or p > 1:
        raise ValueError("p")
    if temperature <= 0:
        raise ValueError("temperature")
    uniform = torch.rand(len(logits), generator=generator, dtype=torch.float64).tolist()
    rows = (logits.double() / temperature).tolist()
    return torch.tensor([pick(row, p, u) for row, u in zip(rows, uniform, strict=True)])
