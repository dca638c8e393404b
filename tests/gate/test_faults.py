"""kata verify on katas with one fault each: what it says names the file, the cause, the fix."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

STUB, SOLUTION = "katas/t/{}.py", "solutions/t/{}.py"
CARD, TESTS = "solutions/t/{}.toml", "reference_tests/t/test_{}.py"
TRACK = "katas/t/track.toml"


@dataclass(frozen=True)
class Fault:
    """What is changed in a kata that is sound otherwise, and what the gate must say.

    Attributes:
        slug: The kata's name, and the fault's.
        file: The file that the message names; {} is the slug.
        words: What else stands in it.
        replace: For a piece (stub, solution, card, tests), what to replace by what.
        gone: The piece that is missing.
        line: Fields of the kata's line.
    """

    slug: str
    file: str
    words: tuple[str, ...]
    replace: dict[str, tuple[str, str]] = field(default_factory=dict)
    gone: str | None = None
    line: dict[str, Any] = field(default_factory=dict)


# in pieces: no test may take long by the clock, however busy the machine is
BURNS = """import time

import pytest
import torch

from grader.testing import assert_close


@pytest.mark.parametrize("piece", range(4))
def test_burns(attempt, piece):
    x = torch.tensor([1.0, 2.0, 3.0])
    assert_close(attempt.double(x, shift=1.0), 2 * x + 1)
    end = time.process_time() + 0.55
    while time.process_time() < end:
        pass


"""
LUCKY = """

def test_is_lucky(attempt):
    attempt.double(torch.ones(1))
    assert torch.rand(()).item() < 0.02
"""
ZERO = """def test_is_zero(attempt):
    assert_close(attempt.double(torch.zeros(5)), torch.zeros(5))


"""
SIX = """def test_is_six(attempt):
    assert_close(attempt.double(torch.full((5,), 3.0)), torch.full((5,), 6.0))


"""
# what a degenerate answer may pass: no answer, no comparison with it, and what the card names
CALM = """import pytest
import torch

from grader.testing import assert_close, assert_equal


def test_leaves_x_alone(attempt):
    x = torch.randn(5)
    copy = x.clone()
    attempt.double(x)

    assert_equal(x, copy)


def test_is_empty(attempt):
    assert_close(attempt.double(torch.ones(0)), torch.ones(0))


def test_keeps_the_dtype(attempt):
    assert attempt.double(torch.ones(1)).dtype == torch.float32


def test_refuses_text(attempt):
    with pytest.raises(TypeError):
        attempt.double("x", shift="y")

    assert_equal(1, 1)


@pytest.mark.parametrize("value", [pytest.param(0.0, id="zero"), pytest.param(2.0, id="two")])
def test_takes_numbers(attempt, value):
    x = torch.tensor([value, -value])

    assert_close(attempt.double(x), x + x)


"""
FAULTS = [
    Fault("nostub", STUB, ("missing", "every kata has four files"), gone="stub"),
    Fault("nosolution", SOLUTION, ("missing", "every kata has four files"), gone="solution"),
    Fault("nocard", CARD, ("missing", "every kata has four files"), gone="card"),
    Fault("notests", TESTS, ("missing", "every kata has four files"), gone="tests"),
    Fault("stubsyntax", STUB + ":6", ("syntax",), {"stub": ("def double(", "def double")}),
    Fault("solutionsyntax", SOLUTION + ":8", ("syntax",), {"solution": ("x * 2.0", "x * * 2")}),
    Fault("testsyntax", TESTS + ":1", ("syntax",), {"tests": ("import torch", "import import")}),
    Fault("toml", CARD, ("array", "line 2"), {"card": ('["cumsum"]', '["cumsum"')}),
    Fault("nohints", CARD, ("lacks the field 'hints'",),
          {"card": ('hints = ["Multiply.", "By two.", "x * 2"]\n', "")}),
    Fault("typo", CARD, ("unknown field forbid", "known"), {"card": ("forbids", "forbid")}),
    Fault("requirement", CARD, ("unknown requirement", "gpu", "triton"),
          {"card": ("hints =", 'requires = ["gpu"]\nhints =')}),
    Fault("shape", CARD, ("mistakes have names", "write [mistakes.name]"),
          {"card": ("[mistakes.halves]", "[[mistakes]]")}),
    Fault("notell", CARD, ("mistakes.halves", "give it", "tell"),
          {"card": ('tell = "x is halved."\n', "")}),
    Fault("twohints", CARD, ("2 hints", "give 3"), {"card": (', "x * 2"]', "]")}),
    Fault("threemistakes", CARD, ("3 mistakes", "at least 4"),
          {"card": (
              '[mistakes.halves]\nfind = "* 2.0"\nreplace = "* 0.5"\n'
              'caught_by = "test_doubles"\ntell = "x is halved."\n',
              "",
          )}),
    Fault("twoquestions", CARD, ("2 follow-ups", "at least 3"),
          {"card": (
              '[[follow_ups]]\nask = "In integers?"\nanswer = "A shift by one bit."\n', ""
          )}),
    Fault("moved", CARD, ("equivalent 'y'", "not in the solution", "remove it"),
          {"card": ('[[follow_ups]]\nask = "In integers?"',
                    '[[equivalent]]\nbefore = "return x - shift"\nafter = "y"\nreason = "So."\n\n'
                    '[[follow_ups]]\nask = "In integers?"')}),
    Fault("noreason", CARD, ("equivalent 'y'", "say in reason"),
          {"card": ('[[follow_ups]]\nask = "In integers?"',
                    '[[equivalent]]\nbefore = "return x * 2.0"\nafter = "y"\nreason = ""\n\n'
                    '[[follow_ups]]\nask = "In integers?"')}),
    Fault("marklacks", CARD, ("equivalent has after", "give it", "before"),
          {"card": ('[[follow_ups]]\nask = "In integers?"',
                    '[[equivalent]]\nafter = "y"\n\n[[follow_ups]]\nask = "In integers?"')}),
    Fault("marktable", CARD, ("write [[equivalent]]",),
          {"card": ('[[follow_ups]]\nask = "In integers?"',
                    '[equivalent]\nafter = "y"\n\n[[follow_ups]]\nask = "In integers?"')}),
    Fault("findtwice", CARD, ("halves", "occurs 2 times", "must occur once"),
          {"card": ('find = "* 2.0"', 'find = "x"')}),
    Fault("findnever", CARD, ("halves", "occurs 0 times", "must occur once"),
          {"card": ('find = "* 2.0"', 'find = "* 3.0"')}),
    Fault("notpython", CARD, ("halves", "not Python"),
          {"card": ('replace = "* 0.5"', 'replace = "* )"')}),
    Fault("nosuchtest", CARD, ("halves", "test_triples", "no test of test_nosuchtest.py"),
          {"card": ('caught_by = "test_doubles"\ntell = "x is halved."',
                    'caught_by = "test_triples"\ntell = "x is halved."')}),
    Fault("breaks", CARD, ("halves", "ends in AttributeError", "mend its", "raises = true"),
          {"card": ('replace = "* 0.5"', 'replace = ".halved"')}),
    Fault("uncaught", TESTS, ("test_doubles", "does not catch", "halves", "seed", "passed"),
          {"card": ('replace = "* 0.5"', 'replace = "* 4.0 / 2"')}),
    Fault("othercatches", TESTS,
          ("test_doubles", "does not catch", "forgets_the_shift", "caught by test_adds_the_shift"),
          {"card": ('caught_by = "test_adds_the_shift"\ntell = "shift is ignored."',
                    'caught_by = "test_doubles"\ntell = "shift is ignored."')}),
    Fault("solved", STUB + ":6", ("double", "must raise NotImplementedError"),
          {"stub": ("raise NotImplementedError", "return x * 2 + shift")}),
    Fault("signature", SOLUTION, ("double", "shift: float=1.0", "make them the same"),
          {"solution": ("shift: float = 0.0", "shift: float = 1.0")}),
    Fault("othername", SOLUTION, ("lacks double", "the stub defines"),
          {"solution": ("def double", "def twice")}),
    Fault("luck", TESTS, ("test_is_lucky", "fails on the solution", "seed"),
          {"tests": ("x + x + 3\n\n    assert_close(attempt.double(x, shift=3.0), expected)\n",
                     "x + x + 3\n\n    assert_close(attempt.double(x, shift=3.0), expected)\n"
                     + LUCKY)}),
    Fault("forbidden", SOLUTION + ":8", ("uses cumsum", "the card forbids"),
          {"solution": ("x * 2.0", "x.cumsum(-1) * 0 + x * 2.0")}),
    Fault("alias", TESTS, ("fails on the solution", "cumsum", "seed"),
          {"solution": ("x * 2.0", 'getattr(x, "cum" + "sum")(-1) * 0 + x * 2.0')}),
    Fault("slow", TESTS, ("processor time", "at most 2 s", "use smaller inputs"),
          {"tests": ("import torch\n\nfrom grader.testing import assert_close\n\n\n", BURNS)}),
    Fault("bare", TESTS + ":17", ("give this assert a message",),
          {"tests": ("    assert_close(attempt.double(x, shift=3.0), expected)",
                     "    assert torch.equal(attempt.double(x, shift=3.0), expected)")}),
    Fault("idle", TESTS, ("test_one_is_one", "does not meet NotImplementedError", "call"),
          {"tests": ("def test_doubles", "def test_one_is_one():\n    assert 1 == 1\n\n\n"
                                         "def test_doubles")}),
    Fault("notest", TESTS, ("no tests",), {"tests": ("def test_", "def check_")}),
    Fault("needs", TRACK, ("needs", "abacus", "no kata", "name one that exists"),
          line={"needs": ["abacus"]}),
    Fault("minutes", TRACK, ("0 minutes", "give 1 to 120"), line={"minutes": 0}),
    Fault("section", STUB, ("no section 'Source:'", "write it"), {"stub": ("Source:", "From:")}),
    Fault("inplace", STUB, ("in place", "say it"), {"stub": (" Changing x in place.", "")}),
    Fault("plain", TESTS, ("test_is_zero", "returns zeros or one value everywhere or its own input",
                           "draw other inputs", "in the card"),
          {"tests": ("import assert_close\n\n\n", "import assert_close\n\n\n" + ZERO)}),
    Fault("shared", TESTS, ("test_is_six", "returns one value everywhere:", "draw other inputs"),
          {"tests": ("import assert_close\n\n\n", "import assert_close\n\n\n" + SIX)}),
    Fault("stale", CARD, ("degenerate lists test_doubles", "take it out"),
          {"card": ("hints =", 'degenerate = ["test_doubles"]\nhints =')}),
    Fault("nosuchclaim", CARD, ("degenerate lists test_triples", "no test of test_nosuchclaim.py"),
          {"card": ("hints =", 'degenerate = ["test_triples[zero]"]\nhints =')}),
    Fault("approx", TESTS + ":17", ("use assert_close", "pytest.approx"),
          {"tests": ("assert_close(attempt.double(x, shift=3.0), expected)",
                     "assert attempt.double(x, shift=3.0) == pytest.approx(expected)")}),
    Fault("importfails", TESTS, ("do not load", "nonsuch"),
          {"tests": ("import torch\n", "import nonsuch\nimport torch\n")}),
    Fault("solutionfails", SOLUTION, ("do not load", "nonsuch"),
          {"solution": ("from torch", "import nonsuch\nfrom torch")}),
    Fault("twin", TRACK, ("slug twin", "two tracks", "rename one")),
]  # fmt: skip


@pytest.fixture(scope="module")
def reports(
    new_project: Callable[[], Any],
    line: Callable[..., str],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, dict[str, Any]]:
    """What kata verify --json says of all of them, and of one that is sound."""
    project = new_project()
    pieces = {
        "stub": project.STUB,
        "solution": project.SOLUTION,
        "card": project.CARD,
        "tests": project.TESTS,
    }
    for fault in FAULTS:
        changed: dict[str, str | None] = dict(pieces)
        for piece, (old, new) in fault.replace.items():
            assert old in pieces[piece], f"{fault.slug}: {old!r} is not in the {piece}"
            changed[piece] = pieces[piece].replace(old, new)
        if fault.gone:
            changed[fault.gone] = None
        project.kata(f"t/{fault.slug}", **changed)
    project.kata("t/sound")
    calm = project.TESTS.replace(project.TESTS[: project.TESTS.index("def ")], CALM)
    listed = project.CARD.replace("hints =", 'degenerate = ["test_takes_numbers[zero]"]\nhints =')
    # one that says that it breaks down
    listed = listed.replace('replace = "* 0.5"', 'replace = ".halved"\nraises = true')
    project.kata("t/calm", tests=calm, card=listed)
    project.kata("u/twin")
    project.track(
        "t", line("sound"), line("calm"), *(line(fault.slug, **fault.line) for fault in FAULTS)
    )
    project.track("u", line("twin"))
    learner = project.learner(tmp_path_factory.mktemp("contributor"))
    done = learner.run("verify", "--json", timeout=240)
    assert done.returncode == 1, done.stderr
    assert done.stderr == ""
    found = json.loads(done.stdout)
    assert isinstance(found, list)
    return {report["id"]: report for report in found}


def test_a_sound_kata_is_sound_and_each_mistake_is_caught(reports: Any) -> None:
    report = reports["t/sound"]

    assert list(report)[:4] == ["id", "sound", "problems", "mistakes"]
    assert report["sound"] is True
    assert report["problems"] == []
    assert report["mistakes"] == {
        "halves": True,
        "squares": True,
        "forgets_the_shift": True,
        "subtracts_the_shift": True,
    }


def test_a_degenerate_answer_may_pass_where_it_is_the_claim_or_none_is_compared(
    reports: Any,
) -> None:
    assert reports["t/calm"]["problems"] == []


def test_a_mistake_may_break_down_where_its_card_says_so(reports: Any) -> None:
    assert reports["t/calm"]["problems"] == []
    assert reports["t/calm"]["mistakes"]["halves"] is True


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.slug)
def test_a_fault_is_told_with_its_file_cause_and_fix(reports: Any, fault: Fault) -> None:
    report = reports[f"t/{fault.slug}"]

    assert report["sound"] is False
    file = fault.file.format(fault.slug)
    told = [problem for problem in report["problems"] if file in problem]
    assert told, report["problems"]
    assert any(all(word in problem for word in fault.words) for problem in told), told


def test_one_fault_is_told_once_and_nothing_else_is(reports: Any) -> None:
    several = {
        slug: report["problems"]
        for fault in FAULTS
        if len((report := reports[f"t/{(slug := fault.slug)}"])["problems"]) > 1
    }
    # told for each seed, for each of two tests, for each mistake that names a test
    assert set(several) <= {"luck", "alias", "notest"}


def test_both_twins_are_told(reports: Any) -> None:
    assert "rename one" in reports["u/twin"]["problems"][0]


def test_a_mistake_that_is_not_caught_is_false_in_the_report(reports: Any) -> None:
    assert reports["t/uncaught"]["mistakes"]["halves"] is False
    assert reports["t/othercatches"]["mistakes"]["forgets_the_shift"] is False
    caught = [*reports["t/uncaught"]["mistakes"].values()]
    assert caught.count(True) == 3
