"""Values are compared in float64, where only logic, not rounding, can differ."""

import math
import random

import pytest
import torch

from grader.testing import assert_close, assert_equal, assert_follows_device

HALVES = [torch.bfloat16, torch.float16]
SHAPES = {
    "embed.weight": (7, 4),
    "layers.0.attn.weight": (4, 4),
    "layers.1.attn.weight": (4, 3),
    "layers.1.mlp.weight": (5, 4),
    "layers.1.mlp.bias": (5,),
    "layers.1.mlp2.weight": (3, 5),
    "layers.10.attn.weight": (4, 4),
    "layers.10.mlp.weight": (2, 2, 3),
    "norm.weight": (4,),
    "scale": (),
}


def make_scores(tasks=6):
    """Scores in percent, and the chance of about half of the tasks."""
    names = [f"task {i}" for i in range(tasks)]
    random.shuffle(names)
    before = {name: random.uniform(45, 90) for name in names}
    chance = {name: random.uniform(10, 40) for name in sorted(names)[::2]}
    # losses and gains in turn, named in another order
    after = {name: before[name] - (-1) ** i * random.uniform(2, 9) for i, name in enumerate(names)}
    return before, dict(sorted(after.items())), chance


def task_by_task(before, after, chance):
    taxes = {}
    for task in before:
        guess = chance.get(task, 0.0)
        if before[task] > guess:
            taxes[task] = (before[task] - after[task]) / (before[task] - guess)
    return taxes, math.fsum(tax for tax in taxes.values() if tax > 0) / len(taxes)


def make_models(dtype=torch.float64):
    """Two state dicts, the second one's names in another order."""
    before = {name: torch.randn(shape, dtype=dtype) for name, shape in SHAPES.items()}
    after = {name: torch.randn(SHAPES[name], dtype=dtype) for name in reversed(SHAPES)}
    return before, after


def mix(before, after, share):
    """Averages in float64; share gives the alpha of each name."""
    return {
        name: before[name].double() * (1 - share(name)) + after[name].double() * share(name)
        for name in before
    }


def make_points(count):
    """On a coarse grid, so that rewards, taxes and whole points are often equal."""
    return [(random.randrange(6) - 3.0, random.randrange(6) / 8 - 0.25) for _ in range(count)]


def dominates(p, q):
    return p[0] >= q[0] and p[1] <= q[1] and (p[0] > q[0] or p[1] < q[1])


def test_taxes_match_a_case_worked_by_hand(attempt):
    # squad 20 of 80, hellaswag 5 of the 50 above chance, drop a gain of 3 on 30, wmt 9 of 36
    before = {"squad": 80.0, "hellaswag": 75.0, "drop": 30.0, "wmt": 36.0}
    after = {"squad": 60.0, "hellaswag": 70.0, "drop": 33.0, "wmt": 27.0}
    expected = {"squad": 0.25, "hellaswag": 0.1, "drop": -0.1, "wmt": 0.25}

    taxes, mean = attempt.alignment_tax(before, after, {"hellaswag": 25.0})

    assert_close(taxes, expected, label="taxes")
    assert_close(mean, 0.15, label="mean")


@pytest.mark.parametrize("tasks", [1, 2, 6, 11])
def test_taxes_follow_the_definition(attempt, tasks):
    tables = make_scores(tasks)
    expected = task_by_task(*tables)

    taxes, mean = attempt.alignment_tax(*tables)

    assert_close(taxes, expected[0], label="taxes")
    assert_close(mean, expected[1], label="mean")


def test_the_unit_of_the_scores_does_not_matter(attempt):
    tables = make_scores()
    expected = task_by_task(*tables)

    shares = [{task: score / 100 for task, score in table.items()} for table in tables]
    taxes, mean = attempt.alignment_tax(*shares)

    assert_close(taxes, expected[0], label="taxes")
    assert_close(mean, expected[1], label="mean")


def test_a_gain_does_not_pay_for_a_loss(attempt):
    before, after = {"a": 50.0, "b": 50.0, "c": 50.0}, {"a": 30.0, "b": 80.0, "c": 45.0}

    taxes, mean = attempt.alignment_tax(before, after, {})

    assert_close(taxes, {"a": 0.4, "b": -0.6, "c": 0.1}, label="taxes")
    assert_close(mean, 0.5 / 3, label="mean")


def test_a_model_that_only_gains_pays_no_tax(attempt):
    before, after = {"a": 40.0, "b": 60.0}, {"a": 50.0, "b": 75.0}

    taxes, mean = attempt.alignment_tax(before, after, {"b": 10.0})

    assert_close(taxes, {"a": -0.25, "b": -0.3}, label="taxes")
    assert mean == 0, f"nothing was lost: the mean is 0, got {mean}"


def test_a_fall_below_chance_costs_more_than_all(attempt):
    before, after = {"a": 65.0, "b": 80.0}, {"a": 15.0, "b": 60.0}

    taxes, mean = attempt.alignment_tax(before, after, {"a": 25.0})

    assert_close(taxes, {"a": 1.25, "b": 0.25}, label="taxes")
    assert_close(mean, 0.75, label="mean")


def test_tasks_at_or_below_chance_are_left_out(attempt):
    before = {"at": 25.0, "kept": 60.0, "below": 20.0, "zero": 0.0}
    after = {"at": 35.0, "kept": 42.0, "below": 10.0, "zero": 0.0}

    taxes, mean = attempt.alignment_tax(before, after, {"at": 25.0, "below": 25.0})

    assert_close(taxes, {"kept": 0.3}, label="taxes")
    assert_close(mean, 0.3, label="mean")


@pytest.mark.parametrize(
    "before, after, chance",
    [
        pytest.param({"a": 2.0, "b": 3.0}, {"a": 1.0}, {}, id="missing-after"),
        pytest.param({"a": 2.0}, {"a": 1.0, "b": 3.0}, {}, id="missing-before"),
        pytest.param({"a": 2.0}, {"a": 1.0}, {"b": 1.0}, id="unknown-chance"),
        pytest.param({"a": 2.0}, {"a": 1.0}, {"a": 2.0}, id="all-left-out"),
        pytest.param({}, {}, {}, id="no-tasks"),
    ],
)
def test_rejects_tables_that_measure_nothing(attempt, before, after, chance):
    with pytest.raises(ValueError):
        attempt.alignment_tax(before, after, chance)


def test_average_matches_a_case_worked_by_hand(attempt):
    before = {"w": torch.tensor([2.0, 4.0, -1.0])}
    after = {"w": torch.tensor([4.0, 0.0, -1.0])}

    got = attempt.average_weights(before, after, 0.25)

    assert_close(got, {"w": torch.tensor([2.5, 3.0, -1.0])})


@pytest.mark.parametrize("alpha", [0.3, 0.8, 1.5, -0.4], ids=lambda alpha: f"alpha={alpha}")
def test_average_follows_the_definition(attempt, alpha):
    before, after = make_models()
    expected = mix(before, after, lambda _: alpha)

    assert_close(attempt.average_weights(before, after, alpha), expected, label="the average")


@pytest.mark.parametrize("order", ["shortest-first", "longest-first"])
def test_the_longest_group_gives_the_alpha(attempt, order):
    before, after = make_models()
    groups = {"layers": 0.9, "layers.1": 0.0, "layers.1.mlp": 0.6, "scale": 1.3}
    shares = {
        "embed.weight": 0.2,
        "layers.0.attn.weight": 0.9,
        "layers.1.attn.weight": 0.0,
        "layers.1.mlp.weight": 0.6,
        "layers.1.mlp.bias": 0.6,
        "layers.1.mlp2.weight": 0.0,
        "layers.10.attn.weight": 0.9,
        "layers.10.mlp.weight": 0.9,
        "norm.weight": 0.2,
        "scale": 1.3,
    }
    if order == "longest-first":
        groups = dict(reversed(groups.items()))
    expected = mix(before, after, shares.__getitem__)

    got = attempt.average_weights(before, after, 0.2, groups)

    assert_close(got, expected, label="the average")


def test_a_group_covers_names_that_longer_groups_take(attempt):
    before, after = make_models()
    alphas = {"layers.0.attn.weight": 0.7}
    expected = mix(before, after, lambda name: alphas.get(name, 0.2))

    got = attempt.average_weights(before, after, 0.2, {"layers.0": 0.4, "layers.0.attn": 0.7})

    assert_close(got, expected, label="the average")


def test_a_group_ends_with_a_part_of_the_name(attempt):
    before, after = make_models()
    covered = [name for name in before if name.startswith("layers.1.")]
    expected = mix(before, after, lambda name: 0.75 if name in covered else 0.25)

    got = attempt.average_weights(before, after, 0.25, {"layers.1": 0.75})

    assert_close(got, expected, label="the average")


@pytest.mark.parametrize("alpha", [0.1, 0.3, 0.7])
def test_entries_equal_in_both_keep_their_value(attempt, alpha):
    before, after = make_models(torch.float32)
    frozen = torch.randn(500)
    mask = torch.randn(4, 4).masked_fill(torch.ones(4, 4).triu(1).bool(), -math.inf)
    before |= {"frozen": frozen, "mask": mask}
    after |= {"frozen": frozen.clone(), "mask": mask.clone()}
    after["embed.weight"][2] = before["embed.weight"][2]

    got = attempt.average_weights(before, after, alpha)

    assert_equal(got["frozen"], frozen, label="a frozen tensor")
    assert_equal(got["mask"], mask, label="a mask of -inf")
    assert_equal(got["embed.weight"][2], before["embed.weight"][2], label="a row that is equal")


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
def test_alpha_0_and_1_give_the_models_themselves(attempt, dtype):
    before, after = make_models(dtype)
    before = {name: x * 10.0 ** torch.randint(-3, 3, x.shape) for name, x in before.items()}
    before = {name: x.to(dtype) for name, x in before.items()}

    assert_equal(attempt.average_weights(before, after, 0.0), before, label="at alpha = 0")
    assert_equal(attempt.average_weights(before, after, 1.0), after, label="at alpha = 1")


@pytest.mark.parametrize("dtype", HALVES, ids=["bfloat16", "float16"])
def test_half_precision_is_averaged_in_float32(attempt, dtype):
    # terms of some 100 that nearly cancel: the result is small, its terms' rounding is not
    before = {"w": torch.randint(-120, 120, (40, 20)).to(dtype)}
    after = {"w": (-2 * before["w"] + torch.randint(-5, 5, (40, 20)).to(dtype))}
    expected = mix(before, after, lambda _: 0.3)["w"].to(dtype)

    assert_close(attempt.average_weights(before, after, 0.3)["w"], expected)


def test_float64_is_averaged_in_float64(attempt):
    before, after = make_models()
    before = {name: 1e4 * x for name, x in before.items()}
    expected = mix(before, after, lambda _: 0.35)

    assert_close(attempt.average_weights(before, after, 0.35), expected, label="the average")


def test_each_tensor_keeps_its_own_dtype(attempt):
    dtypes = dict(zip(SHAPES, [torch.float32, torch.bfloat16, torch.float64] * 4, strict=False))
    before, after = make_models()
    before, after = (
        {name: x.to(dtypes[name]) for name, x in model.items()} for model in (before, after)
    )
    expected = mix(before, after, lambda _: 0.6)
    expected = {name: x.to(dtypes[name]) for name, x in expected.items()}

    assert_close(attempt.average_weights(before, after, 0.6), expected, label="the average")


@pytest.mark.parametrize("alpha", [0.0, 0.4])
def test_other_dtypes_are_those_of_after(attempt, alpha):
    before, after = make_models()
    before |= {"ids": torch.arange(6), "steps": torch.tensor(1000), "mask": torch.ones(3) > 0}
    after |= {"ids": torch.arange(6) + 5, "steps": torch.tensor(1300)}
    after |= {"mask": torch.tensor([True, False, True])}

    got = attempt.average_weights(before, after, alpha, {"ids": 0.0})

    for name in ("ids", "steps", "mask"):
        assert_equal(got[name], after[name], label=name)


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
def test_the_average_shares_no_memory(attempt, alpha):
    before, after = make_models(torch.float32)
    before |= {"ids": torch.arange(6), "frozen": torch.randn(5)}
    after |= {"ids": torch.arange(6), "frozen": before["frozen"]}
    given = {x.untyped_storage().data_ptr() for x in (*before.values(), *after.values())}

    for name, x in attempt.average_weights(before, after, alpha).items():
        apart = x.untyped_storage().data_ptr() not in given
        assert apart, f"{name} shares memory with an argument: writing to one changes the other"


def test_the_average_carries_no_gradient(attempt):
    before, after = make_models(torch.float32)
    for model in (before, after):
        model.update({name: torch.nn.Parameter(x) for name, x in model.items()})

    for name, x in attempt.average_weights(before, after, 0.5, {"norm": 1.0}).items():
        assert not x.requires_grad, f"{name} requires a gradient: detach"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"more": (2,)}, id="name-only-after"),
        pytest.param({"norm.weight": None}, id="name-only-before"),
        pytest.param({"norm.weight": (1,)}, id="shape-that-broadcasts"),
        pytest.param({"embed.weight": (4, 7)}, id="transposed"),
    ],
)
def test_rejects_models_that_differ(attempt, change):
    before, after = make_models()
    for name, shape in change.items():
        if shape is None:
            del after[name]
        else:
            after[name] = torch.randn(shape, dtype=torch.float64)

    with pytest.raises(ValueError):
        attempt.average_weights(before, after, 0.5)


def test_rejects_ids_of_another_shape(attempt):
    before, after = make_models()
    before["ids"], after["ids"] = torch.arange(6), torch.arange(8)

    with pytest.raises(ValueError):
        attempt.average_weights(before, after, 0.5)


@pytest.mark.parametrize("group", ["layer", "layers.2", "layers.1.mlp.w", "attn", "norm.weight.x"])
def test_rejects_a_group_that_covers_no_name(attempt, group):
    before, after = make_models()

    with pytest.raises(ValueError):
        attempt.average_weights(before, after, 0.5, {"layers.1": 0.3, group: 0.7})


def test_the_average_lies_where_the_models_do(attempt):
    before, after = make_models(torch.float32)
    before["ids"], after["ids"] = torch.arange(6), torch.arange(6)

    assert_follows_device(attempt.average_weights, before, after, 0.5, {"layers.1": 0.2})


def test_front_matches_a_case_worked_by_hand(attempt):
    points = [
        (3.0, 0.2),
        (5.0, 0.5),
        (3.0, 0.3),  # the reward of the first for more tax
        (1.0, 0.0),
        (4.0, 0.5),  # the tax of the second for less reward
        (3.0, 0.2),  # equal to the first
        (2.0, 0.4),
    ]

    assert_equal(attempt.pareto_front(points), [3, 0, 5, 1])


@pytest.mark.parametrize("count", [1, 4, 12, 40])
def test_front_holds_all_that_none_dominates(attempt, count):
    for _ in range(20):
        points = make_points(count)
        front = [i for i, p in enumerate(points) if not any(dominates(q, p) for q in points)]
        front.sort(key=lambda i: points[i][1])

        assert_equal(attempt.pareto_front(points), front, label=f"the front of {points}")


def test_front_of_negative_taxes_starts_with_the_greatest_gain(attempt):
    points = [(-2.0, 0.1), (-3.0, -0.2), (-4.0, -0.1), (-5.0, -0.3)]

    assert_equal(attempt.pareto_front(points), [3, 1, 0])


def test_no_points_have_an_empty_front(attempt):
    assert_equal(attempt.pareto_front([]), [])


def test_the_budget_itself_is_within_the_budget(attempt):
    points = [(2.0, 0.1), (1.0, 0.0), (6.0, 0.3), (5.0, 0.2), (9.0, 0.30001)]

    assert_equal(attempt.best_within(points, 0.3), 2)


def test_of_equal_rewards_the_lower_tax_counts(attempt):
    points = [(1.0, 0.0), (4.0, 0.3), (4.0, 0.2), (4.0, 0.4), (4.0, 0.2)]

    assert_equal(attempt.best_within(points, 0.5), 2)


@pytest.mark.parametrize("budget", [-0.125, 0.0, 0.2, 1.0])
def test_choice_is_the_highest_reward_within_the_budget(attempt, budget):
    for _ in range(20):
        # two that no budget here excludes, so that one is always chosen
        points = [(-9.0, -0.5), (-9.0, -0.5), *make_points(9)]
        order = sorted(
            (i for i, p in enumerate(points) if p[1] <= budget),
            key=lambda i: (-points[i][0], points[i][1], i),
        )

        got = attempt.best_within(points, budget)

        assert_equal(got, order[0], label=f"the choice among {points}")


@pytest.mark.parametrize("points", [[], [(3.0, 0.2), (1.0, 0.15)]], ids=["no-points", "all-dear"])
def test_nothing_within_the_budget_is_none(attempt, points):
    assert_equal(attempt.best_within(points, 0.1), None)
