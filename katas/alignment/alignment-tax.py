"""Measure and trade off the alignment tax."""

import torch
from torch import Tensor


def alignment_tax(
    before: dict[str, float], after: dict[str, float], chance: dict[str, float]
) -> tuple[dict[str, float], float]:
    """What share of each ability alignment cost, and the mean over tasks.

    tax of a task = (before - after) / (before - chance)

    0 is no loss, 1 a fall to guessing, more than 1 a fall below it; a gain is negative. A
    task whose score before is chance or less had nothing to lose: it is left out.

    Args:
        before: Score of each task before alignment, finite. Higher is better.
        after: Score of each task after it, finite.
        chance: What guessing scores, in the same unit. 0 for a task that it does not name.

    Returns:
        (taxes, mean). taxes: the tax of each task that is not left out. mean: over the same
        tasks, a gain counted as 0: it does not pay for a loss elsewhere.

    Raises:
        ValueError: before and after name different tasks; chance names a task that they do
            not; or every task is left out.

    Not allowed:
        Changing an argument in place.

    Source:
        The tax: Ouyang et al. 2022, "Training language models to follow instructions with
        human feedback", https://arxiv.org/abs/2203.02155. The division by what is above
        chance makes tasks comparable, a choice of this kata.
    """
    raise NotImplementedError


def average_weights(
    before: dict[str, Tensor],
    after: dict[str, Tensor],
    alpha: float,
    groups: dict[str, float] | None = None,
) -> dict[str, Tensor]:
    """Average a model before and after alignment: (1 - alpha) * before + alpha * after.

    A group of layers may have an alpha of its own. A group is a name's beginning, in whole
    parts between dots: "layers.1" covers "layers.1" and "layers.1.mlp.weight", but not
    "layers.10.mlp.weight". If several groups cover a name, the longest counts.

    Args:
        before: A state dict of dense tensors, of any dtypes.
        after: The same names, with the same shapes and dtypes, in any order. Where a
            floating-point entry differs from before's, both are finite.
        alpha: For names that no group covers. Any number: above 1 it extrapolates.
        groups: The alpha of each group; None is no groups.

    Returns:
        A new dict with the names of before. Its tensors have the dtypes and devices of
        before's, carry no gradient, and share no memory with the arguments.
        Floating-point tensors are computed in at least float32. An entry that is equal in
        both keeps its value exactly, infinities too. alpha = 0 gives exactly before's
        values, alpha = 1 exactly after's.
        Tensors of other dtypes (ids, counters, masks) are not averaged: they hold after's
        values, whatever alpha is.

    Raises:
        ValueError: before and after differ in names, or in a shape; or a group covers no
            name.

    Not allowed:
        Changing an argument in place.

    Source:
        Lin et al. 2023, "Mitigating the Alignment Tax of RLHF",
        https://arxiv.org/abs/2309.06256
    """
    raise NotImplementedError


def pareto_front(points: list[tuple[float, float]]) -> list[int]:
    """The checkpoints worth keeping: no other has more reward for less tax.

    A point dominates another if its reward is at least as high and its tax at most as high,
    and one of the two is better. Equal points do not dominate each other.

    Args:
        points: (reward, tax) of each checkpoint, finite. May be empty.

    Returns:
        The indices of all points that none dominates, by rising tax; equal points in their
        order in points.

    Not allowed:
        Changing an argument in place.
    """
    raise NotImplementedError


def best_within(points: list[tuple[float, float]], budget: float) -> int | None:
    """The checkpoint with the highest reward whose tax is at most budget.

    Args:
        points: (reward, tax) of each checkpoint, finite. May be empty.
        budget: The highest tax that is accepted, itself included.

    Returns:
        Its index. Of equal rewards the lower tax counts, of equal points the first. None if
        no point is within the budget.

    Not allowed:
        Changing an argument in place.
    """
    raise NotImplementedError
