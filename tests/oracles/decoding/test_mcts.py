"""Against exhaustive search on small trees, and PUCT worked by hand."""

import itertools
import random

import pytest


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("eos", [None, 0, 2])
def test_finds_what_exhaustive_search_finds(solution, seed, eos):
    draw = random.Random(seed)
    worth = {}
    for n in range(4):
        for text in itertools.product(range(3), repeat=n):
            worth[9, *text] = draw.uniform(-1, 1)
    finished = {
        text[1:]: value
        for text, value in worth.items()
        if len(text) > 1 and (text[-1] == eos or len(text) == 4) and eos not in text[1:-1]
    }

    visits, best = solution.search_tokens(
        lambda text: [0.5, 0.3, 0.2],
        worth.__getitem__,
        (9,),
        simulations=1500,
        max_new_tokens=3,
        eos=eos,
        c=20.0,
    )

    assert best == max(finished, key=finished.get)
    assert sum(visits) == 1499


def test_by_hand(solution):
    # scores of the two children: 0.9 and 0.6, 0.84 and 0.85, 0.98 and 1.32, 1.10 and 1.20
    values = {(7,): 0.5, (7, 0): 0.2, (7, 1): 0.8}
    counts = [
        solution.search_tokens(
            lambda text: [0.6, 0.4], values.__getitem__, (7,), simulations=n, max_new_tokens=1
        )[0]
        for n in (2, 3, 4, 5)
    ]

    assert counts == [[1, 0], [1, 1], [1, 2], [1, 3]]


def test_visits_follow_the_better_arm(solution):
    visits, _ = solution.search_tokens(
        lambda text: [0.9, 0.1],
        lambda text: float(text[-1] == 1),
        (5,),
        simulations=2000,
        max_new_tokens=1,
    )

    # the worse arm is visited as long as 1.35 sqrt(N) / (1 + n) is about 1 or more
    assert 40 < visits[0] < 80
