"""Names split into parts; the front in groups of equal tax; float64 throughout."""

from itertools import groupby

import torch


def _alpha(name, alpha, groups):
    parts = name.split(".")
    while parts:
        prefix = ".".join(parts)
        if prefix in groups:
            return groups[prefix]
        parts.pop()
    return alpha


def _covers(group, name):
    g, n = group.split("."), name.split(".")
    return n[: len(g)] == g


def alignment_tax(before, after, chance):
    for table in (before, after):
        for task in (*before, *after, *chance):
            if task not in table:
                raise ValueError(f"no score for {task}")
    taxes = {}
    for task, old in before.items():
        floor = chance.get(task, 0)
        if old <= floor:
            continue
        taxes[task] = (old - after[task]) / (old - floor)
    if not taxes:
        raise ValueError("no task is left")
    losses = torch.tensor(list(taxes.values()), dtype=torch.float64).clamp(min=0)
    return taxes, losses.mean().item()


@torch.no_grad()
def average_weights(before, after, alpha, groups=None):
    groups = {} if groups is None else groups
    if sorted(before) != sorted(after):
        raise ValueError("names differ")
    if any(before[name].size() != after[name].size() for name in before):
        raise ValueError("shapes differ")
    if not all(any(_covers(group, name) for name in before) for group in groups):
        raise ValueError("a group covers nothing")
    result = {}
    for name in sorted(after):
        old, new = before[name].data, after[name].data
        if not torch.is_floating_point(old):
            result[name] = new.clone()
            continue
        share = _alpha(name, alpha, groups)
        mixed = (old.double() * (1 - share) + new.double() * share).to(old.dtype)
        same = old.eq(new)
        mixed[same] = old[same]
        result[name] = mixed
    return result


def pareto_front(points):
    front, best = [], float("-inf")
    order = sorted(range(len(points)), key=lambda i: points[i][1])
    for _, group in groupby(order, key=lambda i: points[i][1]):
        group = list(group)
        top = max(points[i][0] for i in group)
        if top > best:
            best = top
            front += [i for i in group if points[i][0] == top]
    return front


def best_within(points, budget):
    order = sorted(range(len(points)), key=lambda i: (-points[i][0], points[i][1], i))
    return next((i for i in order if points[i][1] <= budget), None)
