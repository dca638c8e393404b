"""Attempts that take more than there is."""

import pytest

ALLOCATES = {
    "torch.empty(10**13)": "out of memory: ",
    "bytearray(10**13)": "out of memory: ",
    "[0] * 10**13": "out of memory: ",
    "import numpy; numpy.ones(10**13)": "out of memory: ",
    "return grouped_query_attention(q, k, v)": "endless recursion: maximum recursion depth",
    "def f(n): return f(n + 1)\nf(0)": "endless recursion: maximum recursion depth",
}


def test_one_huge_request_or_endless_recursion_fails_the_test_it_was_in(court):
    # the first calls the attempt again, which would be the next act
    source = court.acts(*ALLOCATES).replace(
        "return grouped_query_attention(q, k, v)", "return act_4(q, k, v, causal)"
    )

    verdict = court.judge(source)

    assert verdict.verdict == "failed"
    assert not verdict.data["message"]
    for number, words in enumerate(ALLOCATES.values()):
        message = verdict.data["tests"][number]["message"]
        assert message.startswith(words), message
        _, *facts, last = message.splitlines()
        # recursion is told in short
        assert len([fact for fact in facts if fact.startswith("line ")]) <= 3
        assert last.startswith("line ")


@pytest.mark.parametrize(
    "body",
    [
        "if calls > 1: return\nkept = []\nwhile True: kept.append([0] * 10**6)",
        "if calls > 1: return\nkept = []\nwhile True: kept.append(torch.ones(10**6))",
        """
        import mmap, time
        shared = mmap.mmap(-1, 4 << 30)
        for at in range(0, 4 << 30, 4096): shared[at] = 1
        time.sleep(100)
        """,
        """
        import subprocess, sys
        grow = "import time; kept = bytearray(b'x' * (1 << 30)); time.sleep(100)"
        for child in [subprocess.Popen([sys.executable, "-c", grow]) for _ in range(3)]:
            child.wait()
        """,
    ],
    ids=["lists", "tensors", "shared memory", "children"],
)
def test_growing_without_end_fails_and_the_machine_lives(court, body: str):
    verdict = court.judge(court.before(body), "--timeout", "60")

    assert verdict.verdict == "failed"
    # the system refuses the next piece, or the grader sees it first
    first = verdict.data["tests"][0]
    assert first["outcome"] == "failed"
    assert first["message"].startswith("out of memory"), first["message"]


def test_python_frames_without_end_are_memory_too(court):
    source = court.before(
        "import sys; sys.setrecursionlimit(10**9)\ndef f(): return f()\nif calls == 1: f()"
    )

    verdict = court.judge(source)

    # as the machine has it: the memory ends first, or the stack, or the time
    assert verdict.verdict in ("failed", "crashed", "timeout")
    assert verdict.data["tests"][0]["outcome"] == verdict.verdict
    assert 'in the test "Matches torch"' in verdict.said or "memory" in verdict.said
