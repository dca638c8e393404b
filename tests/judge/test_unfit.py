"""Attempts that cannot be judged: not Python, not what the spec names, not begun."""

import re

import pytest

NAME = "def grouped_query_attention"
SIGNATURE = "(q: Tensor, k: Tensor, v: Tensor, *, causal: bool = True) -> Tensor:"


@pytest.mark.parametrize(
    ("source", "headline", "line"),
    [
        ("x = 1\ndef f(:\n", "SyntaxError: invalid syntax", 2),
        ("def f():\nreturn 1\n", "IndentationError: expected an indented block", 2),
        ("if True:\n    x = 1\n\ty = 2\n", "TabError: inconsistent use of tabs", 3),
        ("x = 'open\n", "SyntaxError: unterminated string literal", 1),
        ("return 1\n", "SyntaxError: 'return' outside function", 1),
        ("\n\nx = \x1b[2J1\n", "SyntaxError: invalid non-printable character", 3),
    ],
)
def test_what_is_not_python_is_an_error_with_its_line(bench, source, headline, line):
    verdict = bench.judge(source)

    assert verdict.verdict == "error"
    first, place, *_ = verdict.data["message"].splitlines()
    assert first.startswith(headline)
    assert place == f"{bench.learner.attempt('attention/gqa')}, line {line}"
    assert "\x1b" not in verdict.data["message"]
    assert verdict.data["tests"] == []


@pytest.mark.parametrize(
    "source",
    ["(" * 100_000, "-" * 100_000 + "1", "x" + ".y" * 100_000, "x = 1\0", "1 + " * 50_000 + "1"],
    ids=["brackets", "signs", "dots", "a null byte", "sums"],
)
def test_source_that_breaks_the_compiler_is_an_error(bench, source: str):
    verdict = bench.judge(source)

    assert verdict.verdict == "error"
    assert str(bench.learner.attempt("attention/gqa")) in verdict.data["message"]
    # one line of the message is not the whole of a huge line
    assert len(verdict.data["message"]) < 5_000


@pytest.mark.parametrize(
    ("source", "headline", "last"),
    [
        (
            "import torch\nimport no_such_module\n",
            "ModuleNotFoundError: No module named 'no_such_module'",
            "line 2, in <module>: import no_such_module",
        ),
        (
            "from torch import no_such_name\n",
            "ImportError: cannot import name 'no_such_name' from 'torch'",
            "line 1, in <module>: from torch import no_such_name",
        ),
        (
            "def helper():\n    return 1 / 0\n\nhelper()\n",
            "ZeroDivisionError: division by zero",
            "line 2, in helper: return 1 / 0",
        ),
        ("import torch\n", "your file defines no function grouped_query_attention", None),
        (
            "grouped_query_attention = 3\n",
            "grouped_query_attention must be a function, not int",
            None,
        ),
        (
            f"\n\n{NAME}(q, k):\n    return q\n",
            "grouped_query_attention has the wrong signature",
            f"line 3, in your file: {NAME}(q, k):",
        ),
        (
            f"{NAME}(query, key, value, *, causal=True):\n    return query\n",
            "grouped_query_attention has the wrong signature",
            f"line 1, in your file: {NAME}(query, key, value, *, causal=True):",
        ),
        (
            f"{NAME}(q, k, v, causal, extra):\n    return q\n",
            "grouped_query_attention has the wrong signature",
            f"line 1, in your file: {NAME}(q, k, v, causal, extra):",
        ),
    ],
    ids=["module", "name", "code", "nothing", "an int", "two short", "other names", "one more"],
)
def test_what_does_not_load_or_fit_is_an_error_that_points_at_it(bench, source, headline, last):
    verdict = bench.judge(source)

    assert verdict.verdict == "error"
    lines = verdict.data["message"].splitlines()
    assert lines[0].startswith(headline)
    if last:
        assert lines[-1] == last
    assert set(verdict.outcomes.values()) == {"unjudged"}
    # nothing of the grader's own lines
    assert not any("/grader/" in line for line in lines)


def test_a_wrong_signature_shows_both(bench):
    verdict = bench.judge(f"{NAME}(q, k, v, causal):\n    return q\n")

    message = verdict.data["message"]
    assert "(missing a required argument: 'causal')" in message
    assert "*, causal: bool = True" in message
    assert "yours is (q, k, v, causal)" in message


@pytest.mark.parametrize(
    "signature",
    ["(q, k, v, causal=True)", "(q, k, v, *, causal=True, scale=None)", "(*args, **kwargs)"],
)
def test_a_signature_that_takes_every_call_of_the_spec_is_right(bench, signature: str):
    names = "q, k, v, causal=causal" if "*args" not in signature else "*args, **kwargs"

    verdict = bench.judge(
        f"{bench.right}\nright = grouped_query_attention\n\n"
        f"{NAME}{signature}:\n    return right({names})\n"
    )

    assert verdict.verdict == "passed", verdict.said


def test_the_stub_is_not_started_yet_and_says_so_once(bench):
    stub = (bench.learner.root / "katas" / "attention" / "gqa.py").read_text(encoding="utf-8")
    edited = stub.replace("    raise", "    # first of all, the shapes\n    raise")
    for source in (stub, edited, stub + "\n\n# mine\n"):
        verdict = bench.judge(source)
        assert verdict.verdict == "unimplemented"
        assert verdict.data["message"] == "not started yet: the file is still the stub"
        assert verdict.data["tests"] == []

    shown = bench.show(stub)
    assert shown.count("not started yet") == 2, "as the cause, and as the verdict"
    assert "Traceback" not in shown
    assert "NotImplementedError" not in shown


def test_a_stub_with_a_helper_is_judged_and_told_once_what_is_missing(bench):
    stub = (bench.learner.root / "katas" / "attention" / "gqa.py").read_text(encoding="utf-8")
    source = stub.replace("    raise", "    print(q.shape)\n    raise")

    verdict = bench.judge(source)

    assert verdict.verdict == "unimplemented"
    assert set(verdict.outcomes.values()) == {"unimplemented"}
    for test in verdict.data["tests"]:
        first, last = test["message"].splitlines()
        assert first == "not implemented yet"
        assert last.endswith("in grouped_query_attention: raise NotImplementedError")


def test_half_an_attempt_fails_and_says_which_half_is_missing(court):
    verdict = court.judge(court.before("if not causal: raise NotImplementedError"))

    assert verdict.verdict == "failed"
    assert set(verdict.outcomes.values()) == {"passed", "unimplemented"}
    assert verdict.outcomes["test_without_causal_every_query_sees_every_key"] == "unimplemented"


def test_operators_may_name_their_operand_otherwise(bench):
    solution = bench.learner.root / "solutions" / "foundations" / "autograd.py"
    source = re.sub(r"\bother\b", "o", solution.read_text(encoding="utf-8"))

    verdict = bench.judge(source, kata="foundations/autograd")

    assert verdict.verdict == "passed", verdict.said
