"""What mutants are made of a solution."""

import ast
from textwrap import indent

import pytest

from grader.gate.mutants.make import make_mutants

PROGRAM = '''"""Half of what mutants may not touch."""

import math

import torch
from torch import Tensor


def f(x: Tensor, mask: Tensor | None = None, n: int = 3, *, causal: bool = True) -> Tensor:
    """Multiply by 2, not by 3; raise if n == 0."""
{body}
'''


def changes(body: str) -> list[str]:
    """The lines that stand in a function's body instead, one for each mutant."""
    program = PROGRAM.format(body=indent(body, "    "))
    first = program.splitlines().index(indent(body.splitlines()[0], "    ")) + 1
    return [mutant.after for mutant in make_mutants(program) if mutant.line >= first]


@pytest.mark.parametrize(
    ("line", "after"),
    [
        # cosmic-ray's
        pytest.param("return x + n", "return x - n", id="plus"),
        pytest.param("return x / n", "return x * n", id="divided by"),
        pytest.param("return x // n", "return x / n", id="rounded down"),
        pytest.param("return x > n", "return x >= n", id="comparison"),
        pytest.param("return x == n", "return x != n", id="equality"),
        pytest.param("return ~mask", "return mask", id="inversion"),
        pytest.param("return -x", "return x", id="sign"),
        pytest.param("return x[1:]", "return x[2:]", id="constant up"),
        pytest.param("return x[1:]", "return x[0:]", id="constant down"),
        pytest.param("return x.softmax(dim=-1)", "return x.softmax(dim=-2)", id="dim"),
        pytest.param("return x.cumsum(1)", "return x.cumsum(0)", id="dim by position"),
        pytest.param("return x.flip(True)", "return x.flip(False)", id="boolean"),
        pytest.param("return mask and x", "return mask or x", id="and"),
        pytest.param("return x if mask else n", "return x if not mask else n", id="negation"),
        # ours
        pytest.param("return x + n", "return x", id="first term alone"),
        pytest.param("return x + n", "return n", id="second term alone"),
        pytest.param("return (x - n) * x", "return (x - n)", id="factor left out"),
        pytest.param("return x + n + mask", "return x + mask", id="term left out"),
        pytest.param("return mask and x", "return mask", id="condition left out"),
        pytest.param("return x.detach()", "return x", id="detach"),
        pytest.param("return x.contiguous().view(-1)", "return x.view(-1)", id="contiguous"),
        pytest.param("return x.unsqueeze(0) + n", "return x + n", id="unsqueeze"),
        pytest.param("return (x - n).exp()", "return (x - n)", id="exp"),
        pytest.param("return x.mT / math.sqrt(n)", "return x.mT / n", id="sqrt"),
        pytest.param("return sorted(x)", "return x", id="sorted"),
        pytest.param("return torch.maximum(x, mask)", "return x", id="one of two alike"),
        pytest.param("return x.sum()", "return x.mean()", id="sum"),
        pytest.param("return (x + n).amax(dim=0)", "return (x + n).amin(dim=0)", id="amax"),
        pytest.param("return max(x)", "return min(x)", id="max"),
        pytest.param("return x.sort(descending=True)", "return x.sort()", id="keyword"),
        pytest.param("return x.mean(-1, keepdim=True)", "return x.mean(-1)", id="keepdim"),
        pytest.param("return x.gather(-1, mask)", "return x.gather(mask, -1)", id="arguments"),
        pytest.param("return torch.cat([x, -mask])", "return torch.cat([-mask, x])", id="list"),
        pytest.param("return x, mask", "return mask, x", id="results"),
        pytest.param("x, mask = x.chunk(2)", "mask, x = x.chunk(2)", id="names of results"),
        pytest.param("return (x - n) % mask", "return (mask) % (x - n)", id="operands"),
        pytest.param("return float('-inf')", "return 0.0", id="mask value"),
        pytest.param("x += n", "pass", id="addition"),
        pytest.param("x[0] = n", "pass", id="place"),
        pytest.param("x = x.abs() + n", "pass", id="second value"),
        pytest.param("x.clamp_(0)", "pass", id="call"),
        pytest.param("if causal:\n    x = n", "if False:", id="condition that never holds"),
        pytest.param("if causal:\n    x = n", "if True:", id="condition that always holds"),
        pytest.param("if n < 1:\n    raise ValueError", "if False:", id="check left out"),
        pytest.param("for i in mask:\n    x += i", "for i in []:", id="loop left out"),
    ],
)
def test_a_mutant_has_one_small_change(line: str, after: str) -> None:
    assert after in changes(line)


@pytest.mark.parametrize(
    "line",
    [
        pytest.param('raise ValueError(f"{n + 1} is not {2 * n}")', id="words of an error"),
        pytest.param('"a string + 1"', id="string"),
        pytest.param("y: list[int | None] | None", id="annotation"),
        pytest.param("import torch.nn.functional as F", id="import"),
        pytest.param("return x", id="nothing to change"),
    ],
)
def test_what_says_nothing_of_the_result_has_no_mutants(line: str) -> None:
    assert changes(line) == []


def test_defaults_are_mutants_and_annotations_and_docstrings_are_not() -> None:
    mutants = make_mutants(PROGRAM.format(body="    return x"))

    head = (
        "def f(x: Tensor, mask: Tensor | None = None, n: int = {}, *, causal: bool = {}) -> Tensor:"
    )
    expected = {head.format(4, True), head.format(2, True), head.format(3, False)}
    assert {mutant.after for mutant in mutants} == expected


def test_no_two_mutants_are_the_same_program() -> None:
    program = PROGRAM.format(body="    x = (x - 0) + n - n\n    return not n < 1, -0, x")
    mutants = make_mutants(program)

    trees = [ast.dump(ast.parse(text)) for text in (program, *(m.text for m in mutants))]
    assert len(set(trees)) == len(trees)
    # dim=-0 is dim=0, and not a < b is a >= b: one mutant each
    assert changes("return -1")[1:] == ["return -2", "return -0"]
    assert "return not n < 1" not in changes("return n < 1")


def test_a_mutant_tells_its_first_line_and_all_lines_that_differ_as_one() -> None:
    body = "    y = (\n        x  # (B, T)\n        .exp()\n    )\n    return y + x"
    mutants = make_mutants(PROGRAM.format(body=body))

    (found,) = [mutant for mutant in mutants if mutant.after == "x"]
    assert (found.line, found.before) == (12, "x .exp()")
    assert str(found) == "line 12: x .exp()  ->  x"
    assert found.text.splitlines()[10:13] == ["    y = (", "        x", "    )"]


def test_the_positions_of_mutants_are_right_behind_letters_of_several_bytes() -> None:
    assert "return 'π' * n, x.mean()" in changes("return 'π' * n, x.sum()")
