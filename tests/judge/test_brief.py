"""A brief check ends once it is known that an attempt fails, and whether by a claim."""

from collections import Counter
from pathlib import Path

import pytest

from grader.content.catalog import load_catalog
from grader.judge.judging import judge_tasks
from grader.judge.protocol import Limits, Result, Task
from grader.judge.tasks import new_seed, new_task

GQA, RING = "attention/gqa", "distributed/ring-allreduce"


def gqa(body: str) -> str:
    return f"def grouped_query_attention(q, k, v, *, causal=True):\n    {body}\n"


def ring(body: str) -> str:
    return f"def ring_all_reduce(tensor, group=None):\n    {body}\n"


CASES = {
    "right": (GQA, ""),
    "wrong": (GQA, gqa("return q * 0")),
    "raises": (GQA, gqa("return q.missing")),
    "refuses": (GQA, gqa("raise ValueError('no')")),
    "raises at times": (GQA, gqa("return q.missing if causal else 0 * q")),
    "never loads": (GQA, "import nonsuch\n" + gqa("return q")),
    "never ends": (GQA, gqa("while True: pass")),
    "crashes": (GQA, "import ctypes\n" + gqa("ctypes.string_at(0)")),
    "raises in a rank": (RING, ring("return tensor.missing")),
    "crashes in a rank": (RING, "import ctypes\n" + ring("ctypes.string_at(0)")),
    "waits in vain": (RING, "import torch.distributed as dist\n" + ring("dist.recv(tensor)")),
    "wrong in all ranks": (RING, ring("return tensor * 0")),
}


@pytest.fixture(scope="module")
def results() -> dict[str, Result]:
    catalog = load_catalog()
    tasks: dict[str, tuple[str, Task]] = {}
    for name, (id, source) in CASES.items():
        kata = catalog.find(id)
        text = source or kata.solution.read_text(encoding="utf-8")
        limits = Limits() if id == RING else Limits(test=2.0)
        path = Path("/", "brief", f"{kata.slug}.py")
        task = new_task(kata, text, path, seed=new_seed(), limits=limits, brief=True)
        assert isinstance(task, Task)
        tasks[task.key] = name, task
    runs = judge_tasks([task for _, task in tasks.values()], jobs=2)
    return {tasks[task.key][0]: result for task, result in runs}


def outcomes(result: Result) -> Counter[str]:
    return Counter(test.outcome for test in result.tests)


def raised(result: Result) -> set[bool]:
    return {test.failure.raised for test in result.tests if test.failure}


def test_a_right_attempt_is_judged_to_the_end(results: dict[str, Result]) -> None:
    assert results["right"].verdict == "passed"
    assert outcomes(results["right"]).keys() == {"passed"}


@pytest.mark.parametrize("name", ["wrong", "wrong in all ranks"])
def test_the_first_claim_that_does_not_hold_is_the_last_test(
    results: dict[str, Result], name: str
) -> None:
    result = results[name]

    assert result.verdict == "failed"
    assert outcomes(result)["failed"] == 1
    assert outcomes(result)["unjudged"] >= 1
    assert raised(result) == {False}


@pytest.mark.parametrize("name", ["raises", "raises in a rank"])
def test_errors_alone_decide_nothing(results: dict[str, Result], name: str) -> None:
    result = results[name]

    # not even where an error is expected: this is another one
    assert outcomes(result).keys() == {"failed"}
    assert raised(result) == {True}


def test_an_error_after_a_claim_that_held_decides(results: dict[str, Result]) -> None:
    # it refuses all, as it should in the last tests
    result = results["refuses"]

    assert {"passed", "failed"} <= outcomes(result).keys()
    assert raised(result) == {True}


def test_a_claim_decides_after_errors(results: dict[str, Result]) -> None:
    result = results["raises at times"]

    assert outcomes(result).keys() == {"failed", "unjudged"}
    assert raised(result) == {True, False}


def test_what_ends_a_check_is_told_as_ever(results: dict[str, Result]) -> None:
    assert results["never loads"].verdict == "error"
    assert results["never ends"].verdict == "timeout"
    assert results["crashes"].verdict == "crashed"
    for name in ("never loads", "never ends", "crashes"):
        assert "passed" not in outcomes(results[name])


def test_a_rank_that_crashes_raised_and_one_that_waits_did_not(results: dict[str, Result]) -> None:
    assert raised(results["crashes in a rank"]) == {True}
    assert raised(results["waits in vain"]) == {False}
