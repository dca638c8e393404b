"""Plain Python, one row after the other."""

import math

import torch


def weights_of(row, seen, min_p, penalty, temperature):
    for token in seen:
        row[token] = row[token] / penalty if row[token] > 0 else row[token] * penalty
    top = max(row)
    weights = [math.exp((x - top) / temperature) for x in row]
    return [w if w >= min_p else 0.0 for w in weights]


def min_p_sample(logits, context, *, min_p, repetition_penalty=1.0, temperature=1.0, generator):
    if not 0 <= min_p <= 1:
        raise ValueError("min_p")
    if repetition_penalty <= 0:
        raise ValueError("repetition_penalty")
    if temperature <= 0:
        raise ValueError("temperature")
    us = torch.rand(len(logits), generator=generator, device=logits.device).tolist()
    out = []
    rows = logits.double().tolist()
    for row, tokens, u in zip(rows, context.tolist(), us, strict=True):
        weights = weights_of(row, set(tokens) - {-1}, min_p, repetition_penalty, temperature)
        target = u * sum(weights)
        choice = weights.index(max(weights))
        for token, weight in enumerate(weights):
            target -= weight
            if target < 0:
                choice = token
                break
        out.append(choice)
    return torch.tensor(out, device=logits.device)
