"""Plain Python, one row after the other."""

import math

import torch


def typical_set(row, mass):
    top = max(row)
    weights = [math.exp(x - top) for x in row]
    norm = math.fsum(weights)
    p = [w / norm for w in weights]
    surprise = [top + math.log(norm) - x for x in row]
    entropy = math.fsum(a * s for a, s in zip(p, surprise, strict=True) if a)
    ranking = sorted(range(len(row)), key=lambda i: abs(surprise[i] - entropy))
    chosen, total = [], 0.0
    for i in ranking:
        chosen.append((i, p[i]))
        total += p[i]
        if total >= mass:
            break
    return chosen, total


def typical_sample(logits, mass, *, temperature=1.0, generator):
    if mass <= 0 or mass > 1:
        raise ValueError("mass")
    if temperature <= 0:
        raise ValueError("temperature")
    us = torch.rand(len(logits), generator=generator, dtype=torch.float64).tolist()
    out = []
    for row, u in zip((logits.double() / temperature).tolist(), us, strict=True):
        chosen, total = typical_set(row, mass)
        target = u * total
        pick = max(chosen, key=lambda pair: pair[1])[0]
        for token, p in chosen:
            target -= p
            if target < 0:
                pick = token
                break
        out.append(pick)
    return torch.tensor(out)
