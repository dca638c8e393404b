"""Planted files of all katas: what a seed chooses, and that nothing gives a bug away."""

import ast
import io
import re
import tokenize
from functools import cache

import pytest

from grader.content.card import Mistake, load_card
from grader.content.catalog import Kata, load_catalog
from grader.content.planting import WIDTH, Planted, handout, plant
from grader.content.pointing import difference, pointers
from grader.content.stub import definitions, methods, signatures

KATAS = list(load_catalog())
SEEDS = range(20)

each_kata = pytest.mark.parametrize("kata", KATAS, ids=lambda kata: kata.slug)


def texts(kata: Kata) -> tuple[str, str]:
    return kata.solution.read_text(encoding="utf-8"), kata.stub.read_text(encoding="utf-8")


@cache
def planted(kata: Kata, seed: int, bugs: int | None = None) -> Planted:
    found = plant(*texts(kata), load_card(kata).mistakes, seed=seed, bugs=bugs)
    assert found is not None
    return found


def comments(text: str) -> list[str]:
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return [token.string for token in tokens if token.type == tokenize.COMMENT]


def docstrings(text: str) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for node in definitions(ast.parse(text)):
        found[node.name] = ast.get_docstring(node)
        if isinstance(node, ast.ClassDef):
            for method in methods(node):
                found[f"{node.name}.{method.name}"] = ast.get_docstring(method)
    return found


@each_kata
def test_every_planted_file_is_a_whole_one_that_differs_from_the_solution(kata: Kata) -> None:
    solution, stub = texts(kata)
    right = ast.dump(ast.parse(handout(solution, stub)))
    chosen = set()
    for seed in SEEDS:
        file = planted(kata, seed)
        assert 1 <= len(file.bugs) <= 3
        assert ast.dump(ast.parse(file.text)) != right
        assert signatures(stub).items() <= signatures(file.text).items()
        chosen.add(tuple(file.bugs))
    assert len(chosen) > len(SEEDS) / 2


@each_kata
def test_the_docstrings_are_the_stub_s_and_there_are_no_others(kata: Kata) -> None:
    stub = texts(kata)[1]
    specs = {name: text for name, text in docstrings(stub).items() if text}
    for seed in SEEDS:
        text = planted(kata, seed).text
        assert {name: told for name, told in docstrings(text).items() if told} == specs
        assert ast.get_docstring(ast.parse(text)) == ast.get_docstring(ast.parse(stub))


@each_kata
def test_there_are_no_comments_but_the_stub_s(kata: Kata) -> None:
    given = comments(texts(kata)[1])
    for seed in SEEDS:
        assert comments(planted(kata, seed).text) == given


@each_kata
def test_nothing_of_the_layout_gives_a_bug_away(kata: Kata) -> None:
    for seed in SEEDS:
        text = planted(kata, seed).text
        lines = text.splitlines()
        assert max(map(len, lines)) <= WIDTH
        assert [line for line in lines if line != line.rstrip()] == []
        # two blank lines stand only before what is at the top
        assert not re.search(r"\n\n\n+[ \t]", text)


@each_kata
def test_each_bug_is_where_its_lines_say(kata: Kata) -> None:
    solution, stub = texts(kata)
    right = handout(solution, stub).splitlines()
    for seed in SEEDS:
        file = planted(kata, seed)
        lines = file.text.splitlines()
        told = {row for first, last in file.bugs.values() for row in range(first, last + 1)}
        new = {row for row, line in enumerate(lines, start=1) if line not in right}
        assert new <= told
        for first, last in file.bugs.values():
            assert 1 <= first <= last <= len(lines)


@each_kata
def test_a_seed_plants_the_same_again(kata: Kata) -> None:
    again = plant(*texts(kata), load_card(kata).mistakes, seed=7)

    assert again == planted(kata, 7)
    assert len({planted(kata, seed).text for seed in SEEDS}) > 1


@each_kata
def test_no_mistake_that_waits_for_ever_is_planted(kata: Kata) -> None:
    hanging = {mistake.name for mistake in load_card(kata).mistakes if mistake.says}

    assert not hanging & {name for seed in SEEDS for name in planted(kata, seed).bugs}


@pytest.mark.parametrize("bugs", [1, 2, 3, 4])
@each_kata
def test_so_many_bugs_are_planted_as_were_asked_for(kata: Kata, bugs: int) -> None:
    found = plant(*texts(kata), load_card(kata).mistakes, seed=3, bugs=bugs)

    # a short solution has no room for four
    assert bugs > 3 if found is None else len(found.bugs) == bugs


def test_more_bugs_than_go_together_are_refused_at_once() -> None:
    kata = load_catalog().find("grpo")

    for bugs in (17, 18, 1000):
        assert plant(*texts(kata), load_card(kata).mistakes, seed=1, bugs=bugs) is None


SOLUTION = '''"""Twice."""

import math


def twice(x, y):
    """Add."""
    total = x + x  # a sum
    # and the shift

    return (total + y).real


def helper():
    """Explain."""
    return 1
'''
STUB = '''"""Twice."""


def twice(x, y):
    """Twice x, plus y."""
    raise NotImplementedError
'''


def mistake(name: str, find: str, replace: str) -> Mistake:
    return Mistake(name, find, replace, "test_it", "It is wrong.")


def test_a_file_is_handed_out_without_comments_and_with_the_stub_s_words() -> None:
    assert (
        handout(SOLUTION, STUB)
        == '''"""Twice."""

import math


def twice(x, y):
    """Twice x, plus y."""
    total = x + x

    return (total + y).real


def helper():
    return 1
'''
    )


def test_brackets_that_a_bug_has_left_over_are_dropped() -> None:
    found = plant(SOLUTION, STUB, [mistake("keeps_parts", ".real", "")], seed=0, bugs=1)

    assert found is not None
    assert "    return total + y\n" in found.text


@pytest.mark.parametrize(
    ("find", "replace"),
    [("total = x + x", "x = x + x"), (".real", ".real" + " + 0" * 30)],
    ids=["an undefined name", "a line that sticks out"],
)
def test_what_would_break_the_file_or_stick_out_is_not_planted(find: str, replace: str) -> None:
    unfit = mistake("unfit", find, replace)
    fit = mistake("fit", "+ y", "- y")

    assert plant(SOLUTION, STUB, [unfit], seed=0, bugs=1) is None
    for seed in SEEDS:
        found = plant(SOLUTION, STUB, [unfit, fit], seed=seed)
        assert found is not None
        assert list(found.bugs) == ["fit"]


def test_two_mistakes_in_one_place_are_not_planted_together() -> None:
    mistakes = [mistake("one", "x + x", "x * x"), mistake("other", "+ x", "+ y")]

    assert plant(SOLUTION, STUB, mistakes, seed=0, bugs=2) is None
    assert plant(SOLUTION, STUB, mistakes, seed=0, bugs=1) is not None


# hints


PLANTED = """def f(x):
    a = 1
    b = 2
    c = 3
    d = 4
    e = 5
    f = 6
    g = 7
    h = 8
    i = 9
    j = 10
    k = 11
    return x


class C:
    def g(self):
        return 2
"""


def test_hints_come_closer() -> None:
    bugs, claims = {"one": (3, 3), "other": (18, 18)}, {"one": "It adds", "other": "It ends"}

    assert pointers(PLANTED, PLANTED, bugs, claims) == (
        "2 bugs are planted. One of them breaks this claim: It adds.",
        "Look at f, lines 2 to 7; C.g, line 18.",
        "Look at lines 3 and 18.",
    )


def test_a_hint_leaves_out_the_lines_that_were_changed_and_counts_as_they_are_now() -> None:
    bugs, claims = {"one": (3, 3), "other": (8, 9)}, {"one": "It adds", "other": "It ends"}
    now = "# mine\n" + PLANTED.replace("b = 2", "b = 3")

    assert pointers(PLANTED, now, bugs, claims) == (
        "2 bugs are planted, and you have changed the lines of 1. "
        "Another breaks this claim: It ends.",
        "Look at f, lines 9 to 14.",
        "Look at lines 9 to 10.",
    )


def test_once_all_lines_were_changed_the_hints_say_so() -> None:
    hints = pointers(PLANTED, PLANTED.replace("b = 2", "b = 3"), {"one": (3, 3)}, {})

    assert hints[0] == "1 bug is planted."
    assert "You have changed all lines" in hints[1]
    assert len(hints) == 3


def test_a_difference_shows_the_lines_that_are_to_change() -> None:
    lines = difference("a\nb\nc\n", "a\nB\nc\n").splitlines()

    assert "-b" in lines
    assert "+B" in lines
