"""kata check: verdicts, exit codes, JSON, options, and what is recorded."""

import json
import sqlite3
from contextlib import closing
from typing import Any

import pytest

KATA = "algebra/double"
TEST_KEYS = ["name", "outcome", "seconds", "message"]
VERDICTS = {"passed", "failed", "error", "timeout", "crashed", "unimplemented", "skipped"}
ENDLESS = """
from torch import Tensor


def double(x: Tensor, *, shift: float = 0.0) -> Tensor:
    while True:
        pass
"""
CRASH = ENDLESS.replace("while True:\n        pass", "import os; os.abort()")


def test_a_pass_of_a_real_kata_is_exit_0_and_one_object(learner: Any) -> None:
    from_file = (learner.root / "solutions" / "attention" / "gqa.py").read_text()
    learner.write("attention/gqa", from_file)

    done = learner.run("check", "gqa", "--json", "--seed", "11")

    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert list(found)[:5] == ["kata", "verdict", "tests", "seed", "seconds"]
    assert found["kata"] == "attention/gqa"
    assert found["verdict"] == "passed"
    assert found["seed"] == 11
    assert found["seconds"] > 0
    assert len(found["tests"]) > 10
    for test in found["tests"]:
        assert list(test) == TEST_KEYS
        assert test["name"].startswith("test_")
        assert (test["outcome"], test["message"]) == ("passed", "")
        assert isinstance(test["seconds"], float)


@pytest.mark.parametrize(
    ("source", "options", "verdict"),
    [
        pytest.param(None, (), "passed", id="right"),
        pytest.param(("* 2.0", "* 3.0"), (), "failed", id="wrong"),
        pytest.param(("def double(x", "def double(x x"), (), "error", id="not Python"),
        pytest.param(("def double", "def twice"), (), "error", id="nothing of that name"),
        pytest.param(("x * 2.0", "nonsense"), (), "failed", id="raises"),
        pytest.param(ENDLESS, ("--timeout", "1"), "timeout", id="endless"),
        pytest.param(CRASH, (), "crashed", id="aborts"),
    ],
)
def test_each_verdict_is_in_the_json_and_in_the_exit_code(
    desk: Any, right: str, source: Any, options: tuple[str, ...], verdict: str
) -> None:
    if source is None:
        source = right
    elif isinstance(source, tuple):
        source = right.replace(*source)
    desk.write(KATA, source)

    done = desk.run("check", "double", "--json", *options)

    assert done.returncode == (0 if verdict == "passed" else 1)
    assert done.stderr == ""
    found = json.loads(done.stdout)
    assert found["verdict"] == verdict
    for test in found["tests"]:
        assert list(test) == TEST_KEYS
        assert bool(test["message"]) == (test["outcome"] not in ("passed", "unjudged"))
    (event,) = desk.events()
    assert (event["kind"], event["kata"], event["verdict"]) == ("checked", KATA, verdict)
    assert event["seed"] == found["seed"]
    assert event["total"] == len(found["tests"])
    with closing(sqlite3.connect(desk.database)) as db:
        kept = db.execute("select text from sources where sha = ?", (event["source"],)).fetchone()
    assert kept == (source,)
    assert desk.attempt(KATA).read_text() == source


def test_the_stub_is_unimplemented_and_said_once(desk: Any) -> None:
    desk.run("start", "double")

    found = desk.check("double")
    said = desk.run("check").stdout

    assert (found.verdict, found.code) == ("unimplemented", 1)
    assert "not started yet" in said
    assert "Traceback" not in said
    assert said.count("is still the stub") == 1


def test_what_cannot_be_judged_here_is_skipped_with_the_reason(desk: Any, right: str) -> None:
    found = desk.check("machines/abacus", right)

    assert found.verdict == "skipped"
    assert found.outcomes == {"test_counts": "skipped"}
    assert "no abacus here" in found.said
    # one sweep over all is not spoilt by it
    assert desk.run("check", "--all").returncode == 0


def test_a_person_reads_claims_the_verdict_and_what_comes_next(
    desk: Any, wrong: str, right: str
) -> None:
    desk.run("start", "double")
    desk.write(KATA, wrong)
    failed = desk.run("check")
    desk.write(KATA, right)
    passed = desk.run("check")

    assert failed.returncode == 1
    assert "✗ Doubles" in failed.stdout
    assert "✗ Adds the shift" in failed.stdout
    assert "failed: 0 of 2 claims hold" in failed.stdout
    assert "next: kata hint" in failed.stdout
    assert passed.returncode == 0
    assert "✓ Doubles" in passed.stdout
    assert "passed: 2 of 2 claims hold" in passed.stdout
    assert "Solved in 0:" in passed.stdout
    assert "your first time" in passed.stdout
    assert "An interviewer would ask" in passed.stdout
    assert "next: kata next" in passed.stdout
    for done in (failed, passed):
        assert "\x1b" not in done.stdout + done.stderr
        assert "return x" not in done.stdout.partition("next:")[2]


def test_check_without_a_name_judges_the_current_kata(desk: Any, right: str) -> None:
    desk.run("start", "double")
    desk.run("start", "cube")
    desk.write("algebra/cube", right)

    assert json.loads(desk.run("check", "--json").stdout)["kata"] == "algebra/cube"

    desk.check(KATA, right)
    assert json.loads(desk.run("check", "--json").stdout)["kata"] == "algebra/double"


def test_verbose_shows_what_passing_claims_printed_as_well(desk: Any, right: str) -> None:
    source = right.replace("+ shift", "- shift").replace(
        "    return", "    print('here')\n    return"
    )
    desk.write(KATA, source)

    short = desk.run("check", "double").stdout
    for option in ("-v", "--verbose"):
        whole = desk.run("check", "double", option).stdout
        assert whole.count("| here") == 2
    assert short.count("| here") == 1
    assert "✓ Doubles" in short


# --seed


def test_a_seed_draws_the_same_inputs_again_and_without_one_they_are_fresh(
    desk: Any, wrong: str
) -> None:
    runs = [desk.check(KATA, wrong, "--seed", seed) for seed in ("3", "3", "4")]
    fresh = [desk.check(KATA, wrong).data["seed"] for _ in range(2)]

    assert [run.data["seed"] for run in runs] == [3, 3, 4]
    assert runs[0].said == runs[1].said
    assert runs[0].said != runs[2].said
    assert fresh[0] != fresh[1]


# --file


def test_a_file_elsewhere_is_judged_instead_and_is_recorded(
    desk: Any, right: str, wrong: str
) -> None:
    desk.write(KATA, wrong)
    (desk.folder / "sub").mkdir()
    (desk.folder / "sub" / "other.py").write_text(right)

    found = desk.check("double", None, "--file", "sub/other.py")

    assert found.verdict == "passed"
    (event,) = desk.events()
    assert event["file"] == str(desk.folder / "sub" / "other.py")
    assert desk.attempt(KATA).read_text() == wrong
    assert json.loads(desk.run("list", "--json").stdout)[0]["status"] == "solved"


@pytest.mark.parametrize("path", ["nothing.py", "practice"])
def test_a_file_that_cannot_be_read_is_wrong_usage_and_is_not_recorded(
    desk: Any, path: str
) -> None:
    done = desk.run("check", "double", "--json", "--file", path)

    assert (done.returncode, done.stdout) == (2, "")
    assert path in done.stderr
    assert desk.events() == []


def test_a_file_that_is_too_large_is_wrong_usage(desk: Any) -> None:
    desk.write(KATA, "#" * (1 << 20) + "#")

    done = desk.run("check", "double")

    assert (done.returncode, done.stdout) == (2, "")
    assert "1,048,577 bytes" in done.stderr


# --all


def test_all_judges_every_attempt_and_leaves_the_current_kata(
    desk: Any, right: str, wrong: str
) -> None:
    desk.run("start", "cube")
    desk.write("algebra/cube", wrong)
    desk.write("algebra/double", right)

    mixed = desk.run("check", "--all", "--json")
    said = desk.run("check", "--all")
    desk.write("algebra/cube", right)
    good = desk.run("check", "--all", "--json")

    assert [mixed.returncode, said.returncode, good.returncode] == [1, 1, 0]
    found = json.loads(mixed.stdout)
    assert [(one["kata"], one["verdict"]) for one in found] == [
        ("algebra/double", "passed"),
        ("algebra/cube", "failed"),
    ]
    assert "1 of 2 attempts pass" in said.stdout
    current = json.loads(desk.run("dashboard", "--json").stdout)
    assert current["checks"] == 6
    desk.run("pause")
    assert desk.events()[-1]["kata"] == "algebra/cube"


def test_all_without_attempts_is_wrong_usage(desk: Any) -> None:
    done = desk.run("check", "--all")

    assert (done.returncode, done.stdout) == (2, "")
    assert "kata start NAME" in done.stderr


# wrong usage


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["check"], "no kata is started yet"),
        (["check", "doubel"], 'no kata "doubel"; did you mean double'),
        (["check", "algebra/dubble"], "did you mean double?"),
        (["check", "zzzzzz"], "kata list shows all"),
        (["check", "double"], "kata start double makes it"),
        (["check", "double", "--all"], "leave out the name"),
        (["check", "--all", "--file", "x.py"], "leave out the name and --file"),
        (["check", "double", "--device", "tpu"], "auto, cpu and cuda"),
        (["check", "double", "--seed", "-1"], "--seed"),
        (["check", "double", "--seed", "one"], "--seed"),
        (["check", "double", "--timeout", "0"], "--timeout"),
        (["check", "double", "--colour"], "--colour"),
        (["list", "algbera"], 'no track "algbera"; did you mean algebra?'),
        (["start"], "NAME"),
        (["start", "doubling"], "did you mean double?"),
        (["hint"], "no kata is started yet"),
        (["spec", "hafl"], "did you mean halve?"),
        (["frobnicate"], "frobnicate"),
        (["verify", "--jobs", "0"], "--jobs"),
        (["judge", "dance"], "status and stop"),
        (["watch", "double"], "needs a terminal"),
    ],
)
def test_wrong_usage_is_exit_2_and_words_on_the_error_stream(
    desk: Any, args: list[str], words: str
) -> None:
    done = desk.run(*args)

    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert desk.events() == []


def test_an_attempt_may_come_by_standard_input(desk: Any, wrong: str) -> None:
    done = desk.run("check", "double", "--file", "-", input=wrong)

    assert (done.returncode, done.stderr) == (1, "")
    assert "failed: 0 of 2 claims hold" in done.stdout
    (event,) = desk.events()
    assert (event["kind"], event["file"]) == ("checked", "standard input")
    assert not desk.attempt(KATA).exists()


def test_what_comes_by_standard_input_may_not_look_at_progress_either(
    desk: Any, right: str
) -> None:
    desk.check(KATA, right)

    done = desk.run(
        "check", "double", "--file", "-", input=f"{right}\nopen({str(desk.database)!r})"
    )

    assert done.returncode == 1
    assert "your code looked into .kata/" in done.stdout
