"""kata verify --mutants: what the mutants of a kata tell of its tests."""

import json
from collections.abc import Callable
from typing import Any

import pytest

HEAD = '''"""A trifle."""

import math

from torch import Tensor


def double(x: Tensor, *, shift: float = 0.0) -> Tensor:
    """Multiply, then add."""
'''
# caught by test_doubles: what a kata needs besides its mutants
MISTAKES = "".join(
    f'[mistakes.{name}]\nfind = "x * 2.0"\nreplace = "{text}"\n'
    f'caught_by = "test_doubles"\ntell = "x is not doubled."\n\n'
    for name, text in {
        "halves": "x / 2.0",
        "squares": "x * x",
        "adds": "x + 2.0",
        "forgets": "x",
    }.items()
)
MARK = '\n[[equivalent]]\nbefore = "{}"\nafter = "{}"\nreason = "{}"\n'
DOUBLES = """import torch

from grader.testing import assert_close


def test_doubles(attempt):
    x = torch.randn(5, dtype=torch.float64)
    expected = x + x

    assert_close(attempt.double(x), expected)
"""
TIMES_ONE = "return x * 2.0 + shift * 1.0"
# right, and 3 seconds slower, which is longer than an unmarked mutant may take
PAUSE = "sleep(0.3 * 0.1)"
ENDLESS = """    y, i = x * 0.0, 0
    while i < 2:
        y = y + x * 2.0 / 2
        i += 1
    return y + shift
"""


@pytest.fixture(scope="module")
def project(new_project: Callable[[], Any], line: Callable[..., str]) -> Any:
    project = new_project()
    card = project.CARD[: project.CARD.index("[mistakes")] + MISTAKES
    card += project.CARD[project.CARD.index("[[follow_ups]]") :]

    def kata(slug: str, body: str, tests: str = project.TESTS, marks: str = "") -> None:
        project.kata(f"t/{slug}", solution=HEAD + body, tests=tests, card=card + marks)

    kata("strong", "    return x * 2.0 + shift\n")
    # shift is never given
    kata("weak", "    y = x * 2.0\n    z = shift * 4.0 / 2.0\n    return y + z - shift\n", DOUBLES)
    # sqrt(4) is rsqrt(4) in a mutant, which math does not have
    kata("crashing", "    return x * 2.0 * math.sqrt(4.0) / 2 + shift\n")
    kata("endless", ENDLESS)
    divided = MARK.format(TIMES_ONE, TIMES_ONE.replace("shift *", "shift /"), "1 / 1 is 1 * 1.")
    kata("marked", f"    {TIMES_ONE}\n", marks=divided)
    slow = MARK.format(PAUSE, PAUSE.replace("*", "/"), "It only takes longer.")
    paused = f"    return x * 2.0 + shift\n\n\nfrom time import sleep  # noqa: E402\n\n{PAUSE}\n"
    kata("slow", paused, marks=slow)
    kata("stale", f"    {TIMES_ONE}\n", marks=MARK.format("return x", "return -x", "Long gone."))
    caught = MARK.format(TIMES_ONE, TIMES_ONE.replace("+", "-"), "So it seems.")
    kata("wrong", f"    {TIMES_ONE}\n", marks=caught)
    kata("unsound", "    return x * 2.0\n")
    slugs = ("strong", "weak", "crashing", "endless", "marked", "slow", "stale", "wrong", "unsound")
    project.track("t", *map(line, slugs))
    return project


@pytest.fixture(scope="module")
def done(project: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """kata verify --mutants --json on all of them."""
    someone = project.learner(tmp_path_factory.mktemp("contributor"))
    return someone.run("verify", "--mutants", "--json", timeout=280)


@pytest.fixture(scope="module")
def reports(done: Any) -> dict[str, dict[str, Any]]:
    return {report["id"].removeprefix("t/"): report for report in json.loads(done.stdout)}


@pytest.fixture
def contributor(project: Any, learner: Any) -> Any:
    return project.learner(learner.folder)


def test_json_counts_the_mutants_of_each_kata(reports: Any) -> None:
    fields = ["made", "crashed", "caught", "equivalent", "survived"]
    for slug in ("strong", "weak", "crashing", "endless", "marked"):
        mutants = reports[slug]["mutants"]
        assert list(mutants) == fields
        counts = [mutants[field] for field in fields[:4]]
        assert counts[0] == sum(counts[1:]) + len(mutants["survived"])


def test_tests_that_compare_every_argument_catch_all(reports: Any) -> None:
    assert reports["strong"]["sound"] is True
    assert reports["strong"]["mutants"]["made"] >= 10
    assert reports["strong"]["mutants"]["survived"] == []


def test_a_missing_test_shows_as_survivors_with_their_line(reports: Any) -> None:
    survived = reports["weak"]["mutants"]["survived"]

    assert "line 11: z = shift * 4.0 / 2.0  ->  z = shift / 4.0 / 2.0" in survived
    assert "line 12: return y + z - shift  ->  return y - z - shift" in survived
    assert not any(words.startswith("line 10") for words in survived)


def test_a_kata_that_catches_too_few_is_not_sound(reports: Any) -> None:
    report = reports["weak"]
    caught, missed = report["mutants"]["caught"], len(report["mutants"]["survived"])

    assert report["sound"] is False
    (problem,) = report["problems"]
    assert "reference_tests/t/test_weak.py" in problem
    assert f"{caught} of {caught + missed} mutants" in problem
    assert "at least 80%" in problem


def test_a_mutant_that_only_raises_is_no_catch(reports: Any) -> None:
    mutants = reports["crashing"]["mutants"]

    assert mutants["crashed"] == 1
    # 4 / 2 for sqrt(4), with nothing to tell them apart
    assert mutants["survived"] == []


def test_a_mutant_that_never_ends_is_caught(reports: Any) -> None:
    mutants = reports["endless"]["mutants"]

    assert not any("i += 1" in words for words in mutants["survived"])
    assert mutants["caught"] > 20


def test_a_mark_in_the_card_takes_a_survivor_out(reports: Any) -> None:
    report = reports["marked"]

    assert report["mutants"]["equivalent"] == 1
    # the mark is for one change, not for its line
    assert report["mutants"]["survived"] == [
        f"line 10: {TIMES_ONE}  ->  {TIMES_ONE.removesuffix(' * 1.0')}"
    ]
    assert report["sound"] is True


def test_a_marked_mutant_may_be_slow(reports: Any) -> None:
    report = reports["slow"]

    assert report["mutants"]["equivalent"] == 1
    assert not any("remove the mark" in problem for problem in report["problems"])


def test_a_mark_without_its_mutant_is_told(reports: Any) -> None:
    (problem,) = reports["stale"]["problems"]

    assert "solutions/t/stale.toml" in problem
    assert "'return -x'" in problem
    assert "remove" in problem


def test_a_mark_on_a_mutant_that_is_caught_is_told(reports: Any) -> None:
    (problem,) = reports["wrong"]["problems"]

    assert "solutions/t/wrong.toml" in problem
    assert "is caught" in problem


def test_mutants_of_a_kata_that_is_unsound_otherwise_are_not_judged(reports: Any) -> None:
    assert reports["unsound"]["sound"] is False
    assert reports["unsound"]["mutants"] is None


def test_too_few_over_all_katas_is_an_error_of_its_own(done: Any) -> None:
    assert done.returncode == 1
    assert "of all mutants are caught; at least 92%" in done.stderr


def test_one_kata_is_printed_with_its_survivors(contributor: Any) -> None:
    done = contributor.run("verify", "marked", "--mutants", "-j", "2")

    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    first, score, survivor, total, last = done.stdout.splitlines()
    assert "t/marked" in first
    assert "mutants caught" in score
    assert "15 made, 0 crashed, 1 equivalent" in score
    assert survivor.strip() == f"survived: line 10: {TIMES_ONE}  ->  return x * 2.0 + shift"
    assert "mutants are caught" in total
    assert last == "1 of 1 katas are sound"


def test_without_mutants_none_are_made(contributor: Any) -> None:
    done = contributor.run("verify", "weak", "--json")

    assert done.returncode == 0, done.stdout
    assert json.loads(done.stdout)[0]["mutants"] is None


def test_without_cosmic_ray_it_says_what_to_install(contributor: Any, tmp_path: Any) -> None:
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text("import sys\nsys.modules['cosmic_ray'] = None\n")
    contributor.env["PYTHONPATH"] = f"{folder}:{contributor.env['PYTHONPATH']}"
    done = contributor.run("verify", "strong", "--mutants")

    assert (done.returncode, done.stdout) == (2, "")
    assert "cosmic-ray" in done.stderr
    assert "pip install -e '.[dev]'" in done.stderr
