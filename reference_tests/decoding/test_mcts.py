"""Policies and values are random functions of the whole text, the same for the same text."""

import itertools
import math
import random

import pytest

from grader.testing import assert_close, assert_equal


class Tree:
    """A random policy and a random value, that count their calls."""

    def __init__(self, seed, V, impossible=0, least=0.05):
        self.seed, self.V, self.impossible, self.least = seed, V, impossible, least
        self.asked, self.valued = [], []

    def _draw(self, what, text):
        return random.Random(f"{self.seed} {what} {text}")

    def policy(self, text):
        self.asked.append(text)
        draw = self._draw("policy", text)
        weights = [draw.random() + self.least for _ in range(self.V)]
        for token in draw.sample(range(self.V), self.impossible):
            weights[token] = 0.0
        return [weight / sum(weights) for weight in weights]

    def value(self, text):
        self.valued.append(text)
        return self._draw("value", text).uniform(-1, 1)

    def leaves(self, prompt, steps, eos):
        """Every finished text: its new tokens and its value."""
        found = {}
        for n in range(1, steps + 1):
            for new in itertools.product(range(self.V), repeat=n):
                if (new[-1] == eos or n == steps) and eos not in new[:-1]:
                    found[new] = self._draw("value", prompt + new).uniform(-1, 1)
        return found


def visits_of(attempt, priors, values, simulations, **kwargs):
    """The visits of the prompt's children, where every text ends after one token."""
    visits, _ = attempt.search_tokens(
        lambda text: list(priors),
        lambda text: values[text[-1]] if len(text) > 1 else 0.5,
        (9,),
        simulations=simulations,
        max_new_tokens=1,
        **kwargs,
    )
    return visits


def test_by_hand(attempt):
    # priors 0.6 and 0.4, values 0.2 and 0.8, c = 1.5
    # 2nd: 0.9 to 0.6; 3rd: 0.84 to 0.85; 4th: 0.98 to 1.32; 5th: 1.10 to 1.20; 6th: 1.21 to 1.14
    expected = {2: [1, 0], 3: [1, 1], 4: [1, 2], 5: [1, 3], 6: [2, 3]}
    for simulations, visits in expected.items():
        got = visits_of(attempt, [0.6, 0.4], [0.2, 0.8], simulations)
        assert_equal(got, visits, label=f"visits after {simulations} simulations")


def test_a_child_without_visits_is_worth_0(attempt):
    # 3rd: 0.2 + 0.74 to 0 + 0.64; the prompt itself was worth 0.5
    assert_equal(visits_of(attempt, [0.7, 0.3], [0.2, 0.8], 3), [2, 0], label="visits")


def test_every_node_on_the_way_gets_the_value(attempt):
    values = {(9,): 0.0, (9, 0): 0.2, (9, 1): 0.9, (9, 1, 0): -1.0}

    # 2nd: (9, 0); 3rd: (9, 1); 4th: (9, 1, 0), so that (9, 1) is worth (0.9 - 1) / 2
    # 5th: 0.2 + 0.5 to -0.05 + 0.33
    visits, best = attempt.search_tokens(
        lambda text: [0.5, 0.5],
        lambda text: values.get(text, 0.0),
        (9,),
        simulations=5,
        max_new_tokens=2,
        c=1.0,
    )

    assert_equal(visits, [2, 2], label="visits")
    assert_equal(best, (0, 0), label="best")


def test_one_simulation_visits_no_child(attempt, seed):
    tree = Tree(seed, 4)

    result = attempt.search_tokens(tree.policy, tree.value, (1, 2), simulations=1, max_new_tokens=3)

    assert_equal(result, ([0, 0, 0, 0], None))


def test_the_first_child_is_the_one_of_the_highest_prior(attempt):
    assert_equal(visits_of(attempt, [0.2, 0.1, 0.45, 0.25], [0.0] * 4, 2), [0, 0, 1, 0])


def test_of_equal_children_the_lowest_token_is_taken(attempt):
    assert_equal(visits_of(attempt, [0.25] * 4, [0.0] * 4, 4), [1, 1, 1, 0])


@pytest.mark.parametrize("c", [0.2, 5.0], ids="c={}".format)
def test_c_says_how_much_priors_count(attempt, reference, c):
    priors, values = [0.5, 0.3, 0.2], [0.3, 0.9, 0.6]
    expected = visits_of(reference, priors, values, 60, c=c)

    assert_equal(visits_of(attempt, priors, values, 60, c=c), expected, label="visits")


@pytest.mark.parametrize(
    "V, steps, eos, impossible, simulations, c",
    [
        pytest.param(2, 4, None, 0, 80, 1.5, id="two-tokens"),
        pytest.param(5, 3, None, 2, 90, 1.0, id="impossible-tokens"),
        pytest.param(4, 4, 1, 0, 120, 2.0, id="eos"),
        pytest.param(3, 6, 0, 1, 150, 0.7, id="deep"),
        pytest.param(20, 2, 5, 0, 60, 1.5, id="wide"),
    ],
)
def test_matches_reference(attempt, reference, seed, V, steps, eos, impossible, simulations, c):
    kwargs = {"simulations": simulations, "max_new_tokens": steps, "eos": eos, "c": c}
    for i in range(3):
        tree, prompt = Tree(seed + i, V, impossible), (V + 1, i)
        expected = reference.search_tokens(tree.policy, tree.value, prompt, **kwargs)

        result = attempt.search_tokens(tree.policy, tree.value, prompt, **kwargs)

        assert_equal(result, expected)


@pytest.mark.parametrize("eos", [None, 1], ids=["no-eos", "eos"])
def test_with_many_simulations_the_best_of_all_texts_is_found(attempt, seed, eos):
    # no text is less likely than 1 in 343
    tree = Tree(seed, 3, least=0.5)
    leaves = tree.leaves((7,), 3, eos)
    expected = max(leaves, key=leaves.get)

    visits, best = attempt.search_tokens(
        tree.policy, tree.value, (7,), simulations=900, max_new_tokens=3, eos=eos, c=30.0
    )

    assert_equal(best, expected, label="best")
    assert_equal(sum(visits), 899, label="the sum of all visits")


def test_visits_gather_where_values_are_high(attempt, seed):
    # every text that begins with 2 is worth 0.9, all others 0.3
    visits, best = attempt.search_tokens(
        lambda text: [0.4, 0.3, 0.2, 0.1],
        lambda text: 0.9 if text[1:2] == (2,) else 0.3,
        (5,),
        simulations=200,
        max_new_tokens=3,
        c=0.5,
    )

    assert_equal(max(range(4), key=visits.__getitem__), 2, label="the most visited child")
    assert_equal(best[0], 2, label="the first token of the best text")
    assert_equal(sum(visits), 199, label="the sum of all visits")


def test_the_best_finished_text_is_returned(attempt):
    # reached in the order 2, 3, 2, 1
    values = [0.2, 0.4, 0.7, 0.6]
    _, best = attempt.search_tokens(
        lambda text: [0.1, 0.2, 0.4, 0.3],
        lambda text: values[text[-1]] if len(text) > 1 else 0.0,
        (9,),
        simulations=5,
        max_new_tokens=1,
        c=9.0,
    )

    assert_equal(best, (2,), label="best")


def test_of_equal_texts_the_first_reached_is_returned(attempt):
    _, best = attempt.search_tokens(
        lambda text: [0.3, 0.2, 0.5],
        lambda text: 0.5,
        (9,),
        simulations=20,
        max_new_tokens=1,
    )

    assert_equal(best, (2,), label="best")


def test_eos_finishes_a_text(attempt):
    visits, best = attempt.search_tokens(
        lambda text: [0.5, 0.5],
        lambda text: 0.9 if text == (4, 1) else 0.1,
        (4,),
        simulations=12,
        max_new_tokens=3,
        eos=1,
    )

    assert_equal(best, (1,), label="best")
    assert_equal(sum(visits), 11, label="the sum of all visits")


def test_an_eos_in_the_prompt_finishes_nothing(attempt, seed):
    tree = Tree(seed, 2)

    visits, best = attempt.search_tokens(
        tree.policy, tree.value, (0, 1, 1), simulations=10, max_new_tokens=1, eos=1
    )

    leaves = tree.leaves((0, 1, 1), 1, 1)
    assert_equal(sum(visits), 9, label="the sum of all visits")
    assert_close(leaves[best], max(leaves[t,] for t in (0, 1) if visits[t]), label="its value")


def test_a_token_of_prior_0_is_never_taken(attempt):
    # all others look worse than 0
    got = visits_of(attempt, [0.0, 0.6, 0.0, 0.4], [0.9, -1.0, 0.9, -0.9], 30)
    assert_equal([got[0], got[2]], [0, 0], label="the visits of tokens of prior 0")
    assert_equal(got[1] + got[3], 29, label="the visits of the others")


def test_a_finished_text_of_negative_value_is_returned(attempt):
    _, best = attempt.search_tokens(
        lambda text: [0.2, 0.1, 0.1, 0.6],
        lambda text: 0.5 if len(text) == 1 else -1.0,
        (9,),
        simulations=2,
        max_new_tokens=1,
    )

    assert_equal(best, (3,), label="best")


def test_value_and_policy_are_called_once_for_each_text(attempt, reference, seed):
    kwargs = {"simulations": 150, "max_new_tokens": 3}
    tree = Tree(seed, 3)
    expected = reference.search_tokens(tree.policy, tree.value, (8, 8), **kwargs)

    tree = Tree(seed, 3)
    result = attempt.search_tokens(tree.policy, tree.value, (8, 8), **kwargs)

    assert_equal(result, expected)
    for label, calls in (("value", tree.valued), ("policy", tree.asked)):
        twice = [text for text in set(calls) if calls.count(text) > 1]
        assert_equal(twice, [], label=f"the texts for which {label} is called twice")
    finished = [text for text in tree.asked if len(text) == 5]
    assert_equal(finished, [], label="the finished texts for which policy is called")


def test_a_value_of_0_is_a_value(attempt):
    valued = []

    def value(text):
        valued.append(text)
        return -0.5 if text[-1] == 0 else 0.0

    # child 1 is reached first, then child 0, then both again
    _, best = attempt.search_tokens(
        lambda text: [0.4, 0.6], value, (9,), simulations=8, max_new_tokens=1
    )

    assert_equal(best, (1,), label="best")
    expected = [(9,), (9, 0), (9, 1)]
    assert_equal(sorted(valued), expected, label="the texts for which value is called")


def test_what_policy_returns_is_left_as_it_is(attempt, seed):
    tree, returned = Tree(seed, 3), []

    def policy(text):
        priors = tree.policy(text)
        returned.append((priors, list(priors)))
        return priors

    attempt.search_tokens(policy, tree.value, (8,), simulations=40, max_new_tokens=3, c=0.7)

    after, before = [list(lists) for lists in zip(*returned, strict=True)]
    assert_equal(after, before, label="what policy returned, after the search")


def test_each_simulation_evaluates_one_text(attempt, seed):
    tree = Tree(seed, 6)

    visits, _ = attempt.search_tokens(
        tree.policy, tree.value, (3,), simulations=40, max_new_tokens=40
    )

    assert_equal(len(tree.valued), 40, label="the number of texts that were evaluated")
    assert_equal(sum(visits), 39, label="the sum of all visits")


@pytest.mark.parametrize(
    "simulations, steps",
    [pytest.param(0, 3, id="no-simulations"), pytest.param(5, 0, id="no-tokens")],
)
def test_rejects_less_than_one_simulation_or_token(attempt, simulations, steps):
    with pytest.raises(ValueError):
        attempt.search_tokens(
            lambda text: [0.5, 0.5],
            lambda text: math.exp(-len(text)),
            (1,),
            simulations=simulations,
            max_new_tokens=steps,
        )
