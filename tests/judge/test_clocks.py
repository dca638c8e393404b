"""Attempts that never end."""

import pytest

HANGS = {
    "a loop in Python": "while True: pass",
    "a loop in C that holds the lock of the interpreter": "pow(7, 10**9)",
    "a huge matrix product": "x = torch.ones(12_000, 12_000); x @ x",
    "a sleep": "import time; time.sleep(1000)",
    "a lock taken twice": "from threading import Lock; x = Lock(); x.acquire(); x.acquire()",
    "a thread that is waited for": """
        import threading, time
        thread = threading.Thread(target=time.sleep, args=(1000,))
        thread.start()
        thread.join()
    """,
    "a child that is waited for": "import subprocess; subprocess.run(['sleep', '1000'])",
    "a loop that catches everything": """
        while True:
            try:
                while True: pass
            except BaseException: pass
    """,
}


@pytest.mark.parametrize("body", HANGS.values(), ids=HANGS)
def test_a_hang_is_a_timeout_that_names_test_and_line(court, body: str):
    verdict = court.judge(court.before(body), "--timeout", "1")

    assert verdict.verdict == "timeout"
    assert 'timed out after 1 s in the test "Matches torch"' in verdict.data["message"]
    assert ", in grouped_query_attention: " in verdict.data["message"]
    first, *rest = verdict.data["tests"]
    assert first["outcome"] == "timeout"
    assert first["message"] == verdict.data["message"]
    assert {test["outcome"] for test in rest} == {"unjudged"}


def test_a_hang_in_a_later_test_leaves_the_verdicts_before_it(court):
    verdict = court.judge(
        court.before("if q.dtype == torch.bfloat16:\n    while True: pass"), "--timeout", "1"
    )

    assert verdict.verdict == "timeout"
    outcomes = list(verdict.outcomes.items())
    (at,) = (number for number, (_, outcome) in enumerate(outcomes) if outcome == "timeout")
    assert "dtype" in outcomes[at][0]
    assert {outcome for _, outcome in outcomes[:at]} == {"passed"}
    assert {outcome for _, outcome in outcomes[at + 1 :]} == {"unjudged"}
    assert 'in the test "' in verdict.data["message"]
    assert "dtype of q" in verdict.data["message"]


def test_a_process_that_stops_itself_or_ignores_signals_is_a_timeout(court):
    stops = "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)"
    deaf = """
        import signal
        for number in range(1, signal.NSIG):
            try: signal.signal(number, signal.SIG_IGN)
            except (OSError, ValueError): pass
        while True: pass
    """
    for body in (stops, deaf):
        verdict = court.judge(court.before(body), "--timeout", "1")
        assert verdict.verdict == "timeout"
        assert 'in the test "Matches torch"' in verdict.data["message"]


@pytest.mark.parametrize("source", ["while True: pass", "import time; time.sleep(1000)"])
def test_a_hang_on_import_says_so(court, source: str):
    verdict = court.judge(f"{court.right}\n{source}\n", "--timeout", "1")

    assert verdict.verdict == "timeout"
    assert "timed out after 1 s while your file was imported" in verdict.data["message"]
    assert f"in <module>: {source}" in verdict.data["message"]
    assert set(verdict.outcomes.values()) == {"unjudged"}
