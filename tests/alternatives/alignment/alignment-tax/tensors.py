"""Tables and points as tensors; a difference added, with its ends set apart."""

import re

import torch


def alignment_tax(before, after, chance):
    if before.keys() ^ after.keys() or chance.keys() - before.keys():
        raise ValueError("different tasks")
    tasks = list(before)
    old, new, floor = (
        torch.tensor([row.get(task, 0.0) for task in tasks], dtype=torch.float64)
        for row in (before, after, chance)
    )
    able = old > floor
    if not able.any():
        raise ValueError("no ability above chance")
    tax = ((old - new) / (old - floor))[able]
    names = [task for task, ok in zip(tasks, able.tolist(), strict=True) if ok]
    return dict(zip(names, tax.tolist(), strict=True)), float(tax.relu().mean())


def average_weights(before, after, alpha, groups=None):
    if before.keys() != after.keys():
        raise ValueError("different names")
    rules = [
        (re.compile(re.escape(group) + r"(\.|$)"), value)
        for group, value in sorted((groups or {}).items(), key=lambda x: -len(x[0]))
    ]
    for rule, _ in rules:
        if not any(rule.match(name) for name in before):
            raise ValueError("a group covers no name")

    averaged = {}
    for name, old in before.items():
        new = after[name]
        if old.shape != new.shape:
            raise ValueError(f"shapes of {name}")
        old, new = old.detach(), new.detach()
        share = next((value for rule, value in rules if rule.match(name)), alpha)
        if not old.is_floating_point() or share == 1:
            averaged[name] = new.clone()
        elif share == 0:
            averaged[name] = old.clone()
        else:
            wide = torch.promote_types(old.dtype, torch.float32)
            step = (new.to(wide) - old.to(wide)) * share
            # equal infinities: their difference is NaN
            step = step.masked_fill(old == new, 0)
            averaged[name] = (old.to(wide) + step).to(old.dtype)
    return averaged


def pareto_front(points):
    if not points:
        return []
    reward, tax = torch.tensor(points, dtype=torch.float64).unbind(dim=1)
    as_good = (reward[:, None] >= reward) & (tax[:, None] <= tax)
    better = (reward[:, None] > reward) | (tax[:, None] < tax)
    kept = (~(as_good & better).any(dim=0)).nonzero().flatten()
    return kept[tax[kept].argsort(stable=True)].tolist()


def best_within(points, budget):
    within = [(-reward, tax, i) for i, (reward, tax) in enumerate(points) if tax <= budget]
    return min(within)[-1] if within else None
