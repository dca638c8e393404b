"""Attempts that end the process, the test or the run."""

import pytest

ENDED = "your code ended the program: "
IN_A_TEST = {
    "import sys; sys.exit(0)": f"{ENDED}SystemExit(0)",
    "raise SystemExit": f"{ENDED}SystemExit()",
    "exit()": f"{ENDED}SystemExit(None)",
    "raise KeyboardInterrupt": f"{ENDED}KeyboardInterrupt()",
    "import os, signal; os.kill(os.getpid(), signal.SIGINT)": f"{ENDED}KeyboardInterrupt()",
    "raise GeneratorExit": f"{ENDED}GeneratorExit()",
    "import pytest; pytest.skip('done')": "your code ended the test: Skipped",
    "import pytest; pytest.exit('done', 0)": "your code ended the test: Exit",
    "import pytest; pytest.xfail('known')": "your code ended the test: XFailed",
    "import unittest; raise unittest.SkipTest('done')": "SkipTest: done",
    "import pytest; pytest.fail('mine')": "mine",
    "raise BaseException('mine')": "BaseException: mine",
    "raise StopIteration": "StopIteration",
}


def test_ending_the_program_or_the_test_in_python_fails_that_test(court):
    verdict = court.judge(court.acts(*IN_A_TEST))

    assert verdict.verdict == "failed"
    assert not verdict.data["message"]
    tests = verdict.data["tests"]
    assert {test["outcome"] for test in tests} == {"failed"}
    for (body, words), test in zip(IN_A_TEST.items(), tests, strict=False):
        assert test["message"].splitlines()[0] == words, body
        assert f", in act_{tests.index(test)}: {body}" in test["message"]


def test_a_hook_cannot_end_the_test_outside_of_a_call(court):
    # a hook on a gradient runs when the test itself, not the attempt, is at work
    source = court.before(
        """
        result = right(q, k, v, causal=causal)
        if result.requires_grad:
            result.register_hook(hook)
        return result
        """,
        top="""
import pytest
hooks = 0

def interrupt():
    raise KeyboardInterrupt

def hook(gradient):
    global hooks
    hooks += 1
    (lambda: pytest.skip("done"), lambda: pytest.exit("done", 0), interrupt)[hooks - 1]()
""",
    )

    verdict = court.judge(source)

    assert verdict.verdict == "failed"
    failed = {t["name"]: t["message"] for t in verdict.data["tests"] if t["outcome"] != "passed"}
    assert [name.partition("[")[0] for name in failed] == [
        "test_gradients_match_torch",
        "test_gradients_match_the_reference",
        "test_gradients_match_the_reference",
    ]
    for message, kind in zip(failed.values(), ("Skipped", "Exit", "Interrupt"), strict=True):
        assert kind in message.splitlines()[0]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("import os; os._exit(0)", "exit 0"),
        ("import os; os._exit(7)", "exit 7"),
        ("import os; os.execv('/bin/true', ['true'])", "exit 0"),
        ("import os\nif os.fork(): os._exit(0)", "exit 0"),
    ],
    ids=["os._exit(0)", "os._exit(7)", "another program", "its parent, after a fork"],
)
def test_ending_the_process_in_a_test_fails_and_names_the_test(court, body: str, words: str):
    verdict = court.judge(court.before(body))

    assert verdict.verdict == "failed"
    message = f'your code ended the process in the test "Matches torch": {words}'
    assert verdict.data["message"] == message
    first, *rest = verdict.data["tests"]
    assert (first["outcome"], first["message"]) == ("failed", message)
    assert {test["outcome"] for test in rest} == {"unjudged"}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("import sys; sys.exit(0)", "your code ended the program on import: SystemExit"),
        ("raise SystemExit", "your code ended the program on import: SystemExit"),
        ("raise KeyboardInterrupt", "your code ended the program on import: KeyboardInterrupt"),
        (
            "import os; os._exit(0)",
            "your code ended the process while your file was imported: exit 0",
        ),
    ],
)
def test_ending_the_process_on_import_fails(court, line: str, words: str):
    verdict = court.judge(f"{court.right}\n{line}\n")

    assert verdict.verdict == "failed"
    headline, *rest = verdict.data["message"].splitlines()
    assert headline == words
    if "_exit" not in line:
        assert rest[-1].endswith(f", in <module>: {line}")
    assert set(verdict.outcomes.values()) == {"unjudged"}


CRASHES = {
    "segfault": ("import ctypes; ctypes.string_at(0)", "segmentation fault"),
    "abort": ("import os; os.abort()", "aborted"),
    "SIGTERM": ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", "terminated"),
    "an alarm": ("import signal, time; signal.alarm(1); time.sleep(9)", "alarm clock"),
}


@pytest.mark.parametrize(("body", "words"), CRASHES.values(), ids=CRASHES)
def test_a_signal_is_a_crash_that_names_test_and_signal(court, body: str, words: str):
    verdict = court.judge(court.before(body))

    assert verdict.verdict == "crashed"
    headline, *trace = verdict.data["message"].splitlines()
    assert headline == f'your code crashed the process in the test "Matches torch": {words}'
    if words in ("segmentation fault", "aborted"):
        assert trace == [f"line {trace[0].split()[1][:-1]}, in grouped_query_attention: {body}"]
    first, *rest = verdict.data["tests"]
    assert first["outcome"] == "crashed"
    assert {test["outcome"] for test in rest} == {"unjudged"}


def test_a_crash_on_import_says_so(court):
    verdict = court.judge(f"{court.right}\nimport ctypes; ctypes.string_at(0)\n")

    assert verdict.verdict == "crashed"
    assert verdict.data["message"].splitlines()[0] == (
        "your code crashed the process while your file was imported: segmentation fault"
    )


def test_being_killed_is_a_failure_that_suspects_the_memory(court):
    verdict = court.judge(court.before("import os; os.kill(os.getpid(), 9)"))

    assert verdict.verdict == "failed"
    assert 'the process was killed in the test "Matches torch"' in verdict.data["message"]
    assert "out of memory" in verdict.data["message"]
