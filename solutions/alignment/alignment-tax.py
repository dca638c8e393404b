"""Measure and trade off the alignment tax."""

import math

import torch
from torch import Tensor


def alignment_tax(
    before: dict[str, float], after: dict[str, float], chance: dict[str, float]
) -> tuple[dict[str, float], float]:
    """Losses over what there was to lose; then a mean that hides none of them."""
    if before.keys() != after.keys() or not chance.keys() <= before.keys():
        tables = f"{sorted(before)} before, {sorted(after)} after, {sorted(chance)} by chance"
        raise ValueError(f"the tables name different tasks: {tables}")
    taxes = {}
    for task, score in before.items():
        ability = score - chance.get(task, 0.0)
        if ability > 0:
            taxes[task] = (score - after[task]) / ability
    if not taxes:
        raise ValueError("no task was above chance before alignment: there is no tax to measure")
    return taxes, sum(max(tax, 0.0) for tax in taxes.values()) / len(taxes)


def average_weights(
    before: dict[str, Tensor],
    after: dict[str, Tensor],
    alpha: float,
    groups: dict[str, float] | None = None,
) -> dict[str, Tensor]:
    """A dot behind both name and group makes the parts whole."""
    if before.keys() != after.keys():
        raise ValueError(f"only one model has {sorted(before.keys() ^ after.keys())}")
    groups = groups or {}
    for group in groups:
        if not any(f"{name}.".startswith(f"{group}.") for name in before):
            raise ValueError(f"the group {group!r} covers no name")

    averaged = {}
    for name in before:
        old, new = before[name].detach(), after[name].detach()
        if old.shape != new.shape:
            raise ValueError(f"{name} has shapes {tuple(old.shape)} and {tuple(new.shape)}")
        if not old.is_floating_point():
            averaged[name] = new.clone()
            continue
        covering = [group for group in groups if f"{name}.".startswith(f"{group}.")]
        share = groups[max(covering, key=len)] if covering else alpha
        dtype = torch.promote_types(old.dtype, torch.float32)
        a, b = old.to(dtype), new.to(dtype)
        # where a and b are equal, rounding would move them, and inf - inf is NaN
        mixed = torch.where(a == b, a, (1 - share) * a + share * b)
        averaged[name] = mixed.to(old.dtype)
    return averaged


def pareto_front(points: list[tuple[float, float]]) -> list[int]:
    """By rising tax, a point must beat the best reward so far, or equal that very point."""
    front: list[int] = []
    best = -math.inf
    for i in sorted(range(len(points)), key=lambda i: (points[i][1], -points[i][0])):
        reward = points[i][0]
        if reward > best or points[i] == points[front[-1]]:
            front.append(i)
            best = reward
    return front


def best_within(points: list[tuple[float, float]], budget: float) -> int | None:
    """max keeps the first of equals."""
    affordable = [i for i, (_, tax) in enumerate(points) if tax <= budget]
    return max(affordable, key=lambda i: (points[i][0], -points[i][1]), default=None)
