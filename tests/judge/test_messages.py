"""What a learner reads, in plain output."""

import re
from pathlib import Path

import pytest

GQA = "attention/gqa"
NORM = "normalization/rms-norm"

# each of the first calls goes wrong in a way of its own
ODD = '''"""Mine."""

import torch

calls = 0


def grouped_query_attention(q, k, v, *, causal=True):
    global calls
    calls += 1
    print("call", calls, "q is", tuple(q.shape))
    return answer(calls, q, k, v)


def answer(n, q, k, v):
    if n == 1:
        result = torch.zeros_like(q)
        result[0, 2, 3, 4] = float("nan")
        return result
    if n == 2:
        return q[..., :3]
    if n == 3:
        return q.float()
    if n == 4:
        return [q, k]
    if n == 5:
        return divide(q, 0)
    if n == 6:
        raise ValueError("heads are odd")
    if n == 7:
        return None
    if n == 8:
        return k.missing
    return torch.zeros_like(q)


def divide(q, by):
    count = 1 // by
    return q * count
'''
# values that can be worked out by hand: the inputs do not matter
ONES = """
import torch

def rms_norm(x, weight, *, eps=1e-6):
    return torch.ones_like(x)
"""


def at(function: str, text: str) -> str:
    """How a line of the attempt is told."""
    (number,) = (i for i, line in enumerate(ODD.splitlines(), 1) if line.strip() == text)
    return f"line {number}, in {function}: {text}"


class Reader:
    """Reads what kata check prints."""

    def __init__(self, learner, text: str) -> None:
        self.learner, self.text = learner, text
        self.lines = [line.rstrip() for line in text.splitlines()]

    def below(self, claim: str, case: int = 0) -> list[str]:
        """The lines below a claim, or a case of it, without their indentation."""
        start = [i for i, line in enumerate(self.lines) if line[4:].startswith(claim)][case]
        block = []
        for line in self.lines[start + 1 :]:
            if not line.startswith("      "):
                break
            block.append(line.strip())
        return block

    def told(self, claim: str, case: int = 0) -> list[str]:
        """The same without what was printed."""
        return [line for line in self.below(claim, case) if line != "printed" and line[:2] != "| "]


@pytest.fixture
def show(learner):
    def check(kata: str, source: str, *args: str) -> Reader:
        learner.write(kata, source)
        done = learner.run("check", kata, *args)
        assert done.returncode in (0, 1)
        assert done.stderr == ""
        return Reader(learner, done.stdout)

    return check


def without_times(text: str) -> str:
    return re.sub(r" +\d+(\.\d+)? m?s\b", "", text)


def test_every_kind_of_mistake_is_told_in_words_with_what_went_in(show):
    read = show(GQA, ODD, "--seed", "3", "--verbose")

    # NaN
    headline, first, *inputs = read.told("Matches torch")
    assert headline == "result is NaN at [0, 2, 3, 4]: 1 of 480 values are NaN"
    assert re.fullmatch(r"first at \[0, 0, 0, 0\]: expected -?\d\.\d+, got 0", first)
    shapes = "called with q (2, 6, 5, 8) float64; k (2, 2, 5, 8) float64; v (2, 2, 5, 8) float64"
    assert inputs == [shapes]
    # a shape, with the value of a keyword
    assert read.told("Matches reference", 0) == [
        "result has the wrong shape: expected (2, 4, 5, 8), got (2, 4, 5, 3)",
        "called with q (2, 4, 5, 8) float64; k (2, 4, 5, 8) float64; v (2, 4, 5, 8) float64; "
        "causal = True",
    ]
    # a dtype
    assert read.told("Matches reference", 1)[0] == (
        "result has the wrong dtype: expected float64, got float32"
    )
    # a type
    assert read.told("Matches reference", 2)[0] == (
        "result has the wrong type: expected a tensor, got a list of 2"
    )
    # errors, with the lines of the learner's own file that led there, and none of others
    assert read.told("Matches reference", 3) == [
        "ZeroDivisionError: integer division or modulo by zero",
        "called with q (2, 6, 7, 8) float64; k (2, 2, 3, 8) float64; v (2, 2, 3, 8) float64; "
        "causal = False",
        at("grouped_query_attention", "return answer(calls, q, k, v)"),
        at("answer", "return divide(q, 0)"),
        at("divide", "count = 1 // by"),
    ]
    assert read.told("Neighbouring query heads share a kv head") == [
        "ValueError: heads are odd",
        shapes,
        at("grouped_query_attention", "return answer(calls, q, k, v)"),
        at("answer", 'raise ValueError("heads are odd")'),
    ]
    # values: the first that differs, and the largest errors with their places
    headline, first, largest, relative, *_ = read.told("Without causal every query sees every key")
    assert headline == "result differs in 384 of 384 values"
    assert re.fullmatch(r"first at \[0, 0, 0, 0\]: expected -?\d\S*, got 0", first)
    assert re.fullmatch(r"largest absolute error \d\S* at \[\d, \d, \d, \d\]", largest)
    assert relative.startswith("largest relative error 1 at [")
    # an error that should have been
    assert read.told("Rejects heads that do not divide")[0] == (
        "expected ValueError to be raised, but nothing was"
    )

    # each claim has its sentence, its time, and what was printed during it
    claims = [line for line in read.lines if re.match(r"  [✗✓] ", line)]
    assert len(claims) > 15
    for line in claims:
        assert re.fullmatch(r"  [✗✓] [A-Z][^_]*? {2,}(\d+ ms|\d+\.\d\d s)", line), line
    assert read.below("Matches torch")[:2] == ["printed", "| call 1 q is (2, 6, 5, 8)"]
    assert read.below("Matches reference", 0)[1] == "| call 2 q is (2, 4, 5, 8)"

    # the verdict, and what to do next
    held = sum(line.startswith("  ✓") for line in claims)
    assert any(
        line.startswith(f"failed: {held} of {len(claims)} claims hold in ") for line in read.lines
    )
    assert [line for line in read.lines if line.startswith("next: ")] == [
        "next: kata hint  3 left",
        "next: kata check gqa --seed 3  the same inputs again",
    ]
    assert read.lines[0] == "attention/gqa  Grouped-query attention  seed 3, cpu"
    hides_the_tests(read)


def hides_the_tests(read: Reader) -> None:
    """No line, name or path of the tests and the solution is shown."""
    root = read.learner.root
    assert str(root) not in read.text
    for path in ("reference_tests", "solutions", "site-packages", ".py:", "Traceback", "def test_"):
        assert path not in read.text
    for kata in (GQA, NORM):
        track, slug = kata.split("/")
        tests = (root / "reference_tests" / track / f"test_{slug}.py").read_text()
        solution = (root / "solutions" / f"{kata}.py").read_text()
        own = Path(read.learner.attempt(kata))
        mine = own.read_text() if own.exists() else ""
        for line in {*tests.splitlines(), *solution.splitlines()}:
            text = line.strip()
            if len(text) > 15 and text not in mine:
                assert text not in read.text, text


def test_a_repeated_seed_gives_the_same_messages_and_another_seed_others(show):
    first = show(NORM, ONES, "--seed", "11")
    again = show(NORM, ONES, "--seed", "11")
    other = show(NORM, ONES, "--seed", "12")

    assert without_times(first.text) == without_times(again.text)
    values = [{line for line in read.lines if "expected " in line} for read in (first, other)]
    assert not values[0] & values[1]
    assert any(line.strip().startswith("first at [") for line in first.lines)
    assert "next: kata check rms-norm --seed 11  the same inputs again" in first.lines
    hides_the_tests(first)


def test_a_seed_is_drawn_and_told_when_none_is_given(show):
    seeds = [re.search(r"seed (\d+), cpu", show(NORM, ONES).lines[0]) for _ in range(2)]

    assert all(seeds)
    assert seeds[0][1] != seeds[1][1]


def test_the_first_failures_are_told_in_full_and_the_others_in_a_line(show):
    read = show(GQA, ODD, "--seed", "3")

    full = [line for line in read.lines if line.strip().startswith("called with")]
    assert len(full) == 3
    assert read.told("Matches reference", 3) == [
        "ZeroDivisionError: integer division or modulo by zero"
    ]
    # nobody needs -v to see what they printed where it matters
    assert "| call 5 q is (2, 6, 7, 8)" in read.below("Matches reference", 3)
    hides_the_tests(read)


def test_a_claim_that_holds_shows_what_was_printed_only_if_asked(show, learner):
    right = (learner.root / "solutions" / f"{NORM}.py").read_text()
    noisy = right.replace("    wide =", '    print("x" * 100, *range(30))\n    wide =')

    quiet = show(NORM, noisy)
    assert "| x" not in quiet.text
    loud = show(NORM, noisy, "--verbose")
    assert "| x" in loud.text
    few = show(NORM, right.replace("    wide =", '    print("hm")\n    wide ='))
    assert "| hm" in few.text
    for read in (quiet, loud, few):
        assert any(re.match(r"passed: (\d+) of \1 claims hold in ", line) for line in read.lines)
        assert not any("--seed" in line for line in read.lines)


@pytest.mark.parametrize(
    ("check", "told"),
    [
        pytest.param("assert len(q) > 9", "AssertionError", id="without-words"),
        pytest.param('assert len(q) > 9, "too few"', "AssertionError: too few", id="with-words"),
    ],
)
def test_an_assert_of_the_attempts_own_is_told_as_what_it_is(show, check, told):
    read = show(GQA, ODD.replace("    global calls\n", f"    global calls\n    {check}\n"))

    assert read.told("Matches torch")[0] == told
    # where another error is asked for, too
    assert read.told("Rejects heads that do not divide") == [told]
