"""Against hand-made cases, torch's AveragedModel, models of transformers, and exact fractions."""

import itertools
import random
from fractions import Fraction

import pytest
import torch
from torch.optim.swa_utils import AveragedModel
from transformers import GPT2Config, GPT2LMHeadModel


def tiny_gpt2(seed, dtype=torch.float32):
    torch.manual_seed(seed)
    config = GPT2Config(n_layer=12, n_embd=8, n_head=2, n_positions=16, vocab_size=20)
    return GPT2LMHeadModel(config).to(dtype).eval()


def test_taxes_equal_exact_fractions(solution):
    rng = random.Random(0)
    for _ in range(200):
        tasks = range(rng.randrange(1, 9))
        before, after, chance = ([rng.randrange(101) for _ in tasks] for _ in range(3))
        taxes = {
            f"task {t}": Fraction(before[t] - after[t], before[t] - chance[t])
            for t in tasks
            if before[t] > chance[t]
        }
        tables = [{f"task {t}": float(row[t]) for t in tasks} for row in (before, after, chance)]
        if not taxes:
            with pytest.raises(ValueError, match="chance"):
                solution.alignment_tax(*tables)
            continue
        got, mean = solution.alignment_tax(*tables)
        assert got == pytest.approx({task: float(tax) for task, tax in taxes.items()})
        assert mean == pytest.approx(float(sum(max(t, 0) for t in taxes.values()) / len(taxes)))


def test_two_families_of_tasks_worked_by_hand(solution):
    # four choices: 60 to 46 is 14 of 35; two choices: 80 to 50 is all; BLEU 30 to 31.5 is a gain
    taxes, mean = solution.alignment_tax(
        {"arc": 60.0, "boolq": 80.0, "wmt": 30.0},
        {"arc": 46.0, "boolq": 50.0, "wmt": 31.5},
        {"arc": 25.0, "boolq": 50.0},
    )
    assert taxes == pytest.approx({"arc": 0.4, "boolq": 1.0, "wmt": -0.05})
    assert mean == pytest.approx(1.4 / 3)


@pytest.mark.parametrize("alpha", [0.0, 0.25, 0.5, 1.0])
def test_average_equals_torchs_averaged_model(solution, alpha):
    before, after = tiny_gpt2(0), tiny_gpt2(1)

    averaged = AveragedModel(
        before,
        use_buffers=True,
        avg_fn=lambda old, new, _: (1 - alpha) * old + alpha * new,
    )
    averaged.n_averaged += 1
    averaged.update_parameters(after)
    expected = averaged.module.state_dict()

    got = solution.average_weights(before.state_dict(), after.state_dict(), alpha)

    assert got.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(got[name], value)


@pytest.mark.parametrize("alpha", [0.3, 1.4])
def test_logits_of_averaged_linear_models_are_averages(solution, alpha):
    torch.manual_seed(0)
    before, after, middle = (torch.nn.Linear(6, 5).double() for _ in range(3))
    middle.load_state_dict(solution.average_weights(before.state_dict(), after.state_dict(), alpha))
    x = torch.randn(7, 6, dtype=torch.float64)

    torch.testing.assert_close(middle(x), torch.lerp(before(x), after(x), alpha))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_groups_of_a_real_models_names(solution, dtype):
    before, after = tiny_gpt2(0, dtype).state_dict(), tiny_gpt2(1, dtype).state_dict()
    groups = {"transformer.h.1": 0.75, "transformer": 0.5, "transformer.h.1.mlp": 0.0}
    got = solution.average_weights(before, after, 0.25, groups)

    for name, value in got.items():
        if name.startswith("transformer.h.1.mlp."):
            share = 0.0
        elif name.startswith("transformer.h.1."):
            share = 0.75
        else:
            share = 0.5 if name.startswith("transformer.") else 0.25
        expected = torch.lerp(before[name].double(), after[name].double(), share)
        torch.testing.assert_close(value, expected.to(dtype))
    assert any(name.startswith("transformer.h.10.") for name in got)


def test_averaged_weights_load_and_run(solution):
    before, after = tiny_gpt2(0), tiny_gpt2(1)
    averaged = tiny_gpt2(2)
    ids = torch.arange(12)[None]

    for alpha, expected in ((0.0, before), (1.0, after)):
        weights = solution.average_weights(before.state_dict(), after.state_dict(), alpha)
        averaged.load_state_dict(weights)
        with torch.no_grad():
            assert torch.equal(averaged(ids).logits, expected(ids).logits)


def test_front_of_every_small_set_of_points(solution):
    grid = list(itertools.product((0.0, 1.0, 2.0), (0.0, 0.5)))
    for count in range(5):
        for points in itertools.product(grid, repeat=count):
            rows = torch.tensor(points, dtype=torch.float64).reshape(-1, 2)
            gain = torch.stack([rows[:, 0], -rows[:, 1]], dim=1)
            # [i, j]: j dominates i
            over = (gain[None] >= gain[:, None]).all(-1) & (gain[None] > gain[:, None]).any(-1)
            kept = (~over.any(dim=1)).nonzero().flatten().tolist()
            front = solution.pareto_front(list(points))
            assert sorted(front) == kept
            keys = [(points[i][1], points[i][0], i) for i in front]
            assert keys == sorted(keys)


def test_every_choice_lies_on_the_front(solution):
    rng = random.Random(0)
    for _ in range(200):
        points = [(rng.randrange(8) / 2, rng.randrange(8) / 8) for _ in range(rng.randrange(12))]
        front = solution.pareto_front(points)
        # and each point of the front is the choice, or the twin of it, for a budget of its tax
        for i in front:
            assert points[solution.best_within(points, points[i][1])] == points[i]
        for budget in (-0.1, 0.0, 0.3, 1.0):
            chosen = solution.best_within(points, budget)
            affordable = [reward for reward, tax in points if tax <= budget]
            if not affordable:
                assert chosen is None
            else:
                assert chosen in front
                assert points[chosen][0] == max(affordable)
